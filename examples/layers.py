"""
A source, a fixed standby backend and a state file: clients are served even while the source's file is missing, half
written or wrong. With examples/demo_backends.py running in another terminal:

    twistd -n -y examples/layers.py

    curl 127.0.0.1:6444                   # balanced over the backends of examples/backends.json
    mv examples/backends.json /tmp        # nothing changes, not even after a restart
    echo '{"backends": {}}' > examples/backends.json    # now cp-3 serves, the standby
"""

from pathlib import Path
from typing import Any, cast

from twisted.application.service import Application, IServiceCollection
from twisted.internet import reactor as installed
from twisted.internet.endpoints import serverFromString

from tinylb import BackendSet, FileProvider, LayeredProvider, LoadBalancerService, StateFile, TCPBackend

reactor = cast(Any, installed)

HERE = Path(__file__).parent

# DNSProvider(reactor, "api.example.com", 6443) would do as well, or KubernetesProvider(reactor, "kubelet.conf").
source = FileProvider(reactor, HERE / "backends.json")
standby = BackendSet({"cp-3": TCPBackend(reactor, "127.0.0.1", 7103)})
provider = LayeredProvider(reactor, source, standby, state=StateFile(reactor, HERE / "state.json"))

balancer = LoadBalancerService(serverFromString(reactor, "tcp:6444:interface=127.0.0.1"), provider, reactor=reactor)

application = Application("layers")
IServiceCollection(application).addService(balancer)
