module deployer.test/pause

go 1.24
