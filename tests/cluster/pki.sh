# shellcheck shell=bash
# Who the parts of the cluster are to one another: certificates, and the kubeconfigs that carry them.
# tests/cluster/up has this, after node.sh.

# An authority, what it says of the parts, and the key of the service accounts.
certificates() (
  new=(-x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 365)
  cd "$RUN/pki" || exit
  certificate() { # NAME SUBJECT USAGE [NAMES]
    openssl req "${new[@]}" -CA ca.crt -CAkey ca.key -subj "$2" -keyout "$1.key" -out "$1.crt" \
      -addext basicConstraints=critical,CA:false -addext "extendedKeyUsage=$3" ${4:+-addext "subjectAltName=$4"}
  }
  {
    openssl req "${new[@]}" -subj "/CN=deployer test cluster" -keyout ca.key -out ca.crt \
      -addext keyUsage=critical,keyCertSign,cRLSign
    certificate server /CN=kube-apiserver serverAuth "DNS:kubernetes,DNS:kubernetes.default,$(
    )DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:127.0.0.1,IP:$NODE,$(
    )IP:$PREFIX.192.1"
    certificate metrics-server /CN=metrics-server serverAuth DNS:metrics-server.kube-system.svc
    certificate node /O=system:nodes/CN=system:node:node1 serverAuth,clientAuth "DNS:node1,IP:$NODE"
    certificate kubelet-client /O=system:masters/CN=kube-apiserver clientAuth
    certificate front-proxy /CN=front-proxy-client clientAuth
    certificate admin /O=system:masters/CN=admin clientAuth
    certificate controller-manager /CN=system:kube-controller-manager clientAuth
    certificate scheduler /CN=system:kube-scheduler clientAuth
    certificate kube-proxy /CN=system:kube-proxy clientAuth
    certificate metrics /O=system:masters/CN=metrics-server clientAuth
    openssl ecparam -name prime256v1 -genkey -noout -out accounts.key
    openssl ec -in accounts.key -pubout -out accounts.pub
  } 2>openssl.log || { cat openssl.log >&2 && fail "openssl could not make the certificates"; }
)

kubeconfig() { # NAME CERTIFICATE
  cat >"$RUN/$1.kubeconfig" <<YAML
apiVersion: v1
kind: Config
current-context: deployer-test
contexts:
  - {name: deployer-test, context: {cluster: deployer-test, user: $1}}
clusters:
  - name: deployer-test
    cluster: {server: "$API", certificate-authority-data: $(base64 -w0 "$RUN/pki/ca.crt")}
users:
  - name: $1
    user:
      client-certificate-data: $(base64 -w0 "$RUN/pki/$2.crt")
      client-key-data: $(base64 -w0 "$RUN/pki/$2.key")
YAML
}
