module deployer.test/keda

go 1.24.0

// For its version and sum alone: it is built as the module that it is, by its own go.mod.
require github.com/kedacore/keda/v2 v2.19.0
