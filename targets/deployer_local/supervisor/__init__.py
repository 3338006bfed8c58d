"""The supervisor of one endpoint: a detached process that outlives the command, keeps its workers, and owns the port.

Standard library only, and nothing of `deployer`: the folder is copied beside the endpoint and run from there by the
interpreter under the command line's own (``python -I -S -B supervisor/CODE``), so that an upgraded or removed command
line does not pull it away. The target imports the parts that both need: `system`, `files`, `control`.

It reads ``desired.json`` and brings what runs to that. Everything it knows it can learn again: a worker that still
holds its slot's lock is adopted, and the listening socket is asked back from a worker that accepts on it. So SIGTERM or
SIGKILL of the supervisor costs no request, and the next mutating command starts another.
"""
