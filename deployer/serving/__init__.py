"""The server that runs beside a model: MLflow's scoring protocol over HTTP, and a control socket for a supervisor.

This package imports nothing else of ``deployer`` and imports itself relatively only, because its folder is copied out
under another name (``deployer_serving``) beside an endpoint or into an image, where it runs in the model's environment.
The entry is :func:`main.main`; importing the package imports nothing heavy.

How it is laid out::

    main        the command line; starts, ends
    settings    what the command line and ``DEPLOYER_SERVING_*`` say
    sockets     binding, and taking over stale socket files
    server      loading, ready, draining, the end        standing    the state and the counts
    doors       the listening sockets and the connections behind each
    application the HTTP routes and headers        bodies    reading a request under a limit
    hosts       which Host and Origin are let in        keys      the API keys
    control     the supervisor's Unix socket
    threads     the bounded pool that predictions run in, with their time-out
    digest      whether the model's folder is the one that is wished
    scorer      the bytes of a request in, the bytes of an answer out
    protocol    MLflow's input forms        answers   MLflow's output forms and errors
    libraries   what the model's own MLflow lends for both
    plain       what a plain pyfunc call answers        parity    compares that with what is sent
    failure     an exception as evidence        log       JSON lines on stderr
    credentials secrets from files          vault     secrets from a vault, of which secretsmanager is the AWS one
    attributes  how headers pass SageMaker
    needs, version   constants that the builder of an environment reads
"""

from __future__ import annotations
