module deployer.test/crds

go 1.24.0

// For the folder config/crd alone: `go get`, never `go mod tidy`, which finds no use of it in Go.
require sigs.k8s.io/gateway-api v1.3.0
