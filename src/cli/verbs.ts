/** A verb runs with the arguments behind it and tells the exit code. */
export interface Command {
  run(args: readonly string[]): Promise<number>
}

interface Verb {
  readonly usage: string
  readonly does: string
  /** Absent for a verb that is planned and not built. */
  readonly load?: () => Promise<Command>
}

/** Every verb of the contract. Loaded when called, so that `fairlead status` does not pay for `fairlead up`. */
export const verbs: Readonly<Record<string, Verb>> = {
  up: {
    usage:
      'up [--name c1] [--nodes 3] [--api-port 6443] [--dns-upstream IP,…] [--node-cidr …] [--pod-cidr …] [--service-cidr …] [--node-cidr-mask-size-ipv4 24] [--node-cidr-mask-size-ipv6 64] [--ip-family ipv4|ipv6|dual] [--underlay flat|routed] [--bridge cni0] [--backend vxlan|host-gw|udp|cloud] [--direct-routing] [--proxy nftables|iptables|ipvs|userspace|none] [--proxy-config F] [--allow-external-ips] [--iptables-layout modern|classic] [--iptables-variant nft|legacy] [--store sqlite|etcd] [--durability normal|full] [--etcd-servers URL,…] [--etcd-cafile F] [--etcd-certfile F] [--etcd-keyfile F] [--etcd-prefix P] [--wait 120s]',
    does: 'starts a cluster, or what is missing of it, and returns when every node is Ready and DNS answers',
    load: () => import('./commands/up.ts'),
  },
  down: {
    usage: 'down [--name c1] [--all]',
    does: 'removes every trace of a cluster',
    load: () => import('./commands/down.ts'),
  },
  status: {
    usage: 'status [--name c1] [-o json|yaml|wide|name]',
    does: 'shows what runs: pids, nodes, addresses, ports',
    load: () => import('./commands/status.ts'),
  },
  get: {
    usage: 'get clusters|nodes|kubeconfig [--name c1] [-o json|yaml|wide|name]',
    does: 'lists clusters or nodes, or prints the kubeconfig',
    load: () => import('./commands/get.ts'),
  },
  exec: {
    usage: 'exec node/NAME|pod/NS/NAME|outside [--name c1] -- CMD…',
    does: 'runs a command of this machine in the network of a node, a pod, or a client outside the cluster',
    load: () => import('./commands/exec.ts'),
  },
  kubectl: {
    usage: 'kubectl [--name c1] -- ARGS…',
    does: "runs the real kubectl with the cluster's kubeconfig",
    load: () => import('./commands/kubectl.ts'),
  },
  demo: {
    usage: 'demo [--name c1] [-o json|wide]',
    does: 'shows the four layers by real requests, as a table',
    load: () => import('./commands/demo.ts'),
  },
  dns: {
    usage: 'dns --kubeconfig F',
    does: 'cluster DNS alone, against any cluster',
    load: async () => ({ run: runDaemon((await import('#daemons/dns.ts')).main) }),
  },
  ingress: {
    usage: 'ingress --kubeconfig F',
    does: 'the Ingress controller alone, against any cluster',
    load: async () => ({ run: runDaemon((await import('#daemons/ingress.ts')).main) }),
  },
  trace: { usage: 'trace FROM TO', does: 'follows a packet through all layers' },
  doctor: { usage: 'doctor [OBJECT]', does: 'finds why a service fails' },
  explain: { usage: 'explain TOPIC|OBJECT', does: 'explains how a thing works' },
  dashboard: { usage: 'dashboard', does: 'shows the cluster in a browser' },
  apiserver: { usage: 'apiserver', does: 'the API server alone' },
  controllers: {
    usage: 'controllers --kubeconfig F',
    does: 'the controllers alone, against any cluster',
  },
  node: { usage: 'node --kubeconfig F', does: 'a node agent alone' },
  proxy: {
    usage:
      'proxy --kubeconfig F [--config F] [--proxy-mode nftables|iptables|ipvs|userspace] [--cluster-cidr …] [--allow-external-ips] [--iptables-layout modern|classic] [--iptables-variant nft|legacy] [--write-config-to F] [--cleanup [--keep MODE]] […]',
    does: "kube-proxy alone, against any cluster: takes kube-proxy's flags and configuration file",
    load: async () => ({ run: runDaemon((await import('#daemons/proxy.ts')).main) }),
  },
  'pod-network': {
    usage:
      'pod-network [--kubeconfig F] [--node-name N] [--net-config-path F] [--etcd-endpoints URL,…] [--iface NAME|IP] [--ip-masq] [--healthz-port P] […] | docker-opts [-f subnet.env] [-d FILE] [-i] [-c] [-k DOCKER_OPTS] [-m]',
    does: "the pod network daemon alone, with flanneld's options: leases in the API, or in an etcd; or its options for a Docker daemon, as mk-docker-opts.sh writes them",
    load: () => import('./commands/pod-network.ts'),
  },
  'load-balancer': {
    usage: 'load-balancer --kubeconfig F',
    does: 'the LoadBalancer controller alone',
  },
  cni: {
    usage:
      'cni install --bin-dir DIR [--conf-dir DIR] [--pod-cidr CIDR,… | --flannel] [--bridge cni0] [--mtu N] [--data-dir DIR] [--socket PATH] [--force]',
    does: 'installs the CNI plugins for containerd, CRI-O or podman, and a conflist; needs no cluster',
    load: () => import('./commands/cni.ts'),
  },
}

function runDaemon(main: (args: string[]) => Promise<unknown>): Command['run'] {
  return async (args) => {
    const code = await main([...args])
    return typeof code === 'number' ? code : 0
  }
}
