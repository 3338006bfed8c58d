# shellcheck shell=bash
# What tests/cluster/{up,down,part} share: where the cluster is, and how one of its parts is started, awaited and ended.
#
# The cluster's node is a host of its own: namespaces for the network, mounts and processes, whose first process takes
# all others with it when it is killed. The machine reaches it by a pair of interfaces, and it the machine by nothing
# else: containerd alone is on the machine's own network, so that it pulls from a registry on loopback.

RUN=${DEPLOYER_TEST_CLUSTER:-/run/deployer-test-cluster}
DATA=${DEPLOYER_TEST_CLUSTER_DATA:-/var/lib/${RUN##*/}}
PREFIX=${DEPLOYER_TEST_CLUSTER_PREFIX:-172.29} # of a /16, of which tests/engine has the lower half
DEADLINE=60                                    # seconds that a part may take to answer
GRACE=20                                       # seconds that a part may take to end
PARTS=(etcd containerd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy metrics-server)
PATH=$PATH:/usr/sbin:/sbin

fail() { echo "error: $1" >&2 && exit 1; }

# What follows from where the cluster is, or from where the one that runs was said to be.
# shellcheck disable=SC2034 # used by those who share this
settle() {
  # shellcheck disable=SC1091 # written by `up`
  if [ -e "$RUN/settings" ]; then . "$RUN/settings"; fi
  NAME=${RUN##*/}                # of its cgroup
  LINK=dtk-${PREFIX//./-}        # the machine's end of the pair of interfaces
  HOST=$PREFIX.254.2             # the machine, for the node and the pods
  NODE=$PREFIX.254.1             # the node, for everybody
  PODS=$PREFIX.128.0/24
  SERVICES=$PREFIX.192.0/20
  DNS=$PREFIX.192.10
  API=https://$NODE:6443
  SOCKET=$RUN/containerd.sock
}

# The cgroups below which ours is: one with version 2, one for each controller with version 1.
hierarchies() {
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    echo /sys/fs/cgroup
  else
    find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d
  fi
}

# The process id of the node's first process, as the machine counts; nothing where it does not run.
first() {
  local outer
  outer=$(cat "$RUN/node.pid" 2>/dev/null) || return 0
  [ "$(cat "/proc/$outer/comm" 2>/dev/null)" = unshare ] || return 0
  { tr -d ' ' <"/proc/$outer/task/$outer/children"; } 2>/dev/null || true
}

# Have the calling shell be in the cluster's cgroup.
join_cgroup() {
  local hierarchy
  # Not by `< <(...)`, whose process would stay a child of what the shell becomes.
  for hierarchy in $(hierarchies); do echo "$BASHPID" >"$hierarchy/$NAME/node/cgroup.procs"; done
}

inside() { # COMMAND...
  nsenter --target "$(first)" --net --mount --pid -- "$@"
}

# Start a part in a session of its own, its output kept, and its process id as the machine counts.
start() { # PART
  local outer child='' words=() namespaces=(--mount --pid --net)
  mapfile -d '' -t words < <(command_of "$1")
  if [ "$1" = containerd ]; then namespaces=(--mount --pid); fi
  # Nothing of who starts it clings to it, its environment and its folder neither; and what containerd unpacks can
  # be read by others than root.
  (cd / && umask 022 && join_cgroup && exec setsid env -i PATH="$RUN/bin:$PATH" HOME="$RUN" \
    nsenter --target "$(first)" "${namespaces[@]}" -- "${words[@]}") >>"$RUN/$1.log" 2>&1 </dev/null 9>&- &
  outer=$!
  disown
  until running "$1" "$child"; do
    kill -0 "$outer" 2>/dev/null || { tail -n 20 "$RUN/$1.log" >&2 && fail "$1 ended at once; its last words are above"; }
    child=$({ tr -d ' ' <"/proc/$outer/task/$outer/children"; } 2>/dev/null || true)
  done
  echo "$child" >"$RUN/$1.pid"
}

# Wait for something to hold; where the part that it depends on has ended, or it takes too long, show the end of its log.
await() { # PART COMMAND...
  local part=$1 pid until=$((SECONDS + DEADLINE))
  shift
  pid=$(cat "$RUN/$part.pid")
  until "$@" >/dev/null 2>"$RUN/waiting"; do
    if ! kill -0 "$pid" 2>/dev/null || [ "$SECONDS" -ge "$until" ]; then
      { tail -n 20 "$RUN/$part.log" && tail -n 5 "$RUN/waiting"; } >&2
      fail "$part does not do what it is there for; the end of $RUN/$part.log is above"
    fi
    sleep 0.1
  done
}

running() { # PART PID; another program may have got the id meanwhile
  local words=()
  [ -n "$2" ] && { mapfile -d '' -t words <"/proc/$2/cmdline"; } 2>/dev/null && [ "${words[0]:-}" = "$RUN/bin/$1" ]
}

stop() { # PART SIGNAL
  local pid until=$((SECONDS + GRACE))
  pid=$(cat "$RUN/$1.pid" 2>/dev/null) || return 0
  if running "$1" "$pid"; then kill "-$2" "$pid" 2>/dev/null || true; fi
  while running "$1" "$pid"; do
    if [ "$SECONDS" -ge "$until" ]; then
      echo "$1 ($pid) did not end in $GRACE s and is killed" >&2
      kill -KILL "$pid" 2>/dev/null || true
    fi
    sleep 0.05
  done
  rm -f "$RUN/$1.pid"
}

kubectl() { # ARGUMENT...
  NO_PROXY=$NODE no_proxy=$NODE KUBECONFIG=$RUN/admin.kubeconfig KUBECACHEDIR=$RUN/discovered "$RUN/bin/kubectl" "$@"
}
answers() { [ -e "$RUN/bin/kubectl" ] && kubectl get --raw /readyz --request-timeout=5s >/dev/null 2>&1; }

# The words that start a part, each ended by a zero byte.
# shellcheck disable=SC2054 # the commas are the options' own
command_of() { # PART
  local words=()
  case $1 in
    # Its data are in memory, and one member needs no quick election.
    etcd) words=(--name=node1 --data-dir="$RUN/etcd" --listen-client-urls=http://127.0.0.1:2379
      --advertise-client-urls=http://127.0.0.1:2379 --listen-peer-urls=http://127.0.0.1:2380
      --initial-advertise-peer-urls=http://127.0.0.1:2380 --initial-cluster=node1=http://127.0.0.1:2380
      --heartbeat-interval=500 --election-timeout=2500 --log-level=warn --logger=zap --log-outputs=stderr) ;;
    containerd) words=(--config="$RUN/containerd.toml" --log-level=warn) ;;
    kube-apiserver) words=(--etcd-servers=http://127.0.0.1:2379 --bind-address="$NODE" --advertise-address="$NODE"
      --secure-port=6443 --service-cluster-ip-range="$SERVICES" --authorization-mode=Node,RBAC
      --enable-admission-plugins=NodeRestriction --allow-privileged --profiling=false
      --shutdown-watch-termination-grace-period=2s
      --client-ca-file="$RUN/pki/ca.crt" --tls-cert-file="$RUN/pki/server.crt" --tls-private-key-file="$RUN/pki/server.key"
      --kubelet-certificate-authority="$RUN/pki/ca.crt" --kubelet-preferred-address-types=InternalIP
      --kubelet-client-certificate="$RUN/pki/kubelet-client.crt" --kubelet-client-key="$RUN/pki/kubelet-client.key"
      --service-account-issuer=https://kubernetes.default.svc --service-account-key-file="$RUN/pki/accounts.pub"
      --service-account-signing-key-file="$RUN/pki/accounts.key"
      --requestheader-client-ca-file="$RUN/pki/ca.crt" --requestheader-allowed-names=front-proxy-client
      --requestheader-username-headers=X-Remote-User --requestheader-group-headers=X-Remote-Group
      --requestheader-extra-headers-prefix=X-Remote-Extra- --proxy-client-cert-file="$RUN/pki/front-proxy.crt"
      --proxy-client-key-file="$RUN/pki/front-proxy.key") ;;
    # An autoscaler that acts within a test's patience.
    kube-controller-manager) words=(--bind-address=127.0.0.1 --leader-elect=false --profiling=false
      --use-service-account-credentials --root-ca-file="$RUN/pki/ca.crt"
      --service-account-private-key-file="$RUN/pki/accounts.key"
      --horizontal-pod-autoscaler-sync-period=5s --horizontal-pod-autoscaler-initial-readiness-delay=5s
      --horizontal-pod-autoscaler-cpu-initialization-period=15s --horizontal-pod-autoscaler-downscale-stabilization=15s
      --kubeconfig="$RUN/controller-manager.kubeconfig"
      --authentication-kubeconfig="$RUN/controller-manager.kubeconfig"
      --authorization-kubeconfig="$RUN/controller-manager.kubeconfig") ;;
    kube-scheduler) words=(--bind-address=127.0.0.1 --leader-elect=false --profiling=false
      --kubeconfig="$RUN/scheduler.kubeconfig" --authentication-kubeconfig="$RUN/scheduler.kubeconfig"
      --authorization-kubeconfig="$RUN/scheduler.kubeconfig") ;;
    kubelet) words=(--config="$RUN/kubelet.yaml" --kubeconfig="$RUN/kubelet.kubeconfig" --hostname-override=node1
      --node-ip="$NODE" --root-dir="$RUN/data/kubelet") ;;
    kube-proxy) words=(--config="$RUN/kube-proxy.yaml" --hostname-override=node1) ;;
    metrics-server) words=(--bind-address=127.0.0.1 --secure-port=4443 --metric-resolution=15s
      --kubeconfig="$RUN/metrics-server.kubeconfig" --authentication-kubeconfig="$RUN/metrics-server.kubeconfig"
      --authorization-kubeconfig="$RUN/metrics-server.kubeconfig" --kubelet-preferred-address-types=InternalIP
      --kubelet-certificate-authority="$RUN/pki/ca.crt" --tls-cert-file="$RUN/pki/metrics-server.crt"
      --tls-private-key-file="$RUN/pki/metrics-server.key") ;;
    *) fail "$1 is no part of the cluster; its parts: ${PARTS[*]}" ;;
  esac
  printf '%s\0' "$RUN/bin/$1" "${words[@]}"
}

# Have everything of the cluster go on that was stopped by a signal: who started a part that is frozen stops with it,
# and may notice it late.
wake() {
  local hierarchy pid
  while read -r hierarchy; do
    while read -r pid; do kill -CONT "$pid" 2>/dev/null || true; done \
      < <(find "$hierarchy/$NAME" -name cgroup.procs -exec cat {} + 2>/dev/null)
  done < <(hierarchies)
}

# End all of the cluster, and leave nothing of it; also of one that was left half started or half ended.
stop_cluster() {
  local hierarchy until=$((SECONDS + GRACE)) pid
  [ -e "$RUN/settings" ] || return 0 # it did not come so far
  pid=$(first)
  if [ -n "$pid" ]; then kill -KILL "$pid" 2>/dev/null || true; fi # and with it all of the node
  wake
  while [ -n "$(first)" ] && [ "$SECONDS" -lt "$until" ]; do sleep 0.02; done
  ip link delete "$LINK" 2>/dev/null || true
  while read -r hierarchy; do
    while [ -d "$hierarchy/$NAME" ]; do
      # One is busy for a moment after its last process.
      find "$hierarchy/$NAME" -depth -type d -exec rmdir {} \; 2>/dev/null || true
      [ -d "$hierarchy/$NAME" ] || break
      [ "$SECONDS" -lt "$until" ] || fail "$hierarchy/$NAME still has processes; look at its cgroup.procs"
      sleep 0.05
    done
  done < <(hierarchies)
  rm -rf "$DATA/node"
  rmdir "$DATA" 2>/dev/null || true
  find "$RUN" -mindepth 1 -maxdepth 1 ! -name lock ! -name users -exec rm -rf {} +
}
