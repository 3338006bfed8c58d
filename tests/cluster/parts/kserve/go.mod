module deployer.test/kserve

go 1.24.0

// For its version and sum alone: it is built as the module that it is, by its own go.mod.
require github.com/kserve/kserve v0.17.0
