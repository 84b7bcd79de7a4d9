import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { waitFor } from '#testing/wait-for.ts'
import { createHome, fairleadCommand, type Home, uniqueName } from './support/cluster.ts'

const ANNOTATION = 'flannel.alpha.coreos.com'

const manifest = (name: string, annotations: Readonly<Record<string, string>> = {}) => `
apiVersion: v1
kind: Node
metadata: { name: ${name}, annotations: ${JSON.stringify(annotations)} }
`

/** The service account of flannel's DaemonSet, with the rights that its manifest gives (Documentation/kube-flannel.yml). */
const RIGHTS = `
apiVersion: v1
kind: ServiceAccount
metadata: { name: flannel, namespace: kube-flannel }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: { name: flannel }
rules:
- { apiGroups: [""], resources: [pods], verbs: [get] }
- { apiGroups: [""], resources: [nodes], verbs: [get, list, watch] }
- { apiGroups: [""], resources: [nodes/status], verbs: [patch] }
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: flannel }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: flannel }
subjects: [{ kind: ServiceAccount, name: flannel, namespace: kube-flannel }]
`

// The client host outside of the cluster becomes one more node of its pod network.
suite('A node that the cluster did not make', () => {
  let home: Home
  const name = uniqueName('pn')
  const outside = (...argv: readonly string[]) =>
    home.fairlead(['exec', 'outside', '--name', name, '--', ...argv])
  const node1 = (...argv: readonly string[]) =>
    home.fairlead(['exec', 'node/node1', '--name', name, '--', ...argv])
  const nodeField = (node: string, path: string) =>
    home.kubectl(name, ['get', 'node', node, '-o', `jsonpath={${path}}`]).stdout

  before(() => {
    home = createHome()
    const up = home.fairlead(['up', '--name', name, '--nodes', '1'])
    assert.equal(up.status, 0, up.stderr)
  })
  after(() => home[Symbol.dispose]())

  test('up tells of the pod network as flannel does', () => {
    const get = (what: string) =>
      JSON.parse(home.kubectl(name, ['get', '-n', 'kube-flannel', what, '-o', 'json']).stdout)
    const { data } = get('configmap/kube-flannel-cfg')
    // Documentation/kube-flannel.yml of flannel; the rules of our nodes are nftables'.
    assert.deepEqual(JSON.parse(data['net-conf.json']), {
      Network: '10.244.0.0/16',
      EnableNFTables: true,
      Backend: { Type: 'vxlan' },
    })
    assert.deepEqual(JSON.parse(data['cni-conf.json']), {
      name: 'cbr0',
      cniVersion: '0.3.1',
      plugins: [
        { type: 'flannel', delegate: { hairpinMode: true, isDefaultGateway: true } },
        { type: 'portmap', capabilities: { portMappings: true } },
      ],
    })
    const { metadata } = JSON.parse(
      home.kubectl(name, ['get', 'node', 'node1', '-o', 'json']).stdout,
    )
    const own = Object.keys(metadata.annotations).filter((key) => key.startsWith(ANNOTATION))
    // facts/pod-network.md 3.2
    assert.deepEqual(own.map((key) => key.split('/')[1]).sort(), [
      'backend-data',
      'backend-type',
      'kube-subnet-manager',
      'public-ip',
    ])
  })

  /** Ways to the API, each with a way to the network's configuration. */
  const joins = [
    {
      name: 'with fairlead pod-network, its kubeconfig and the ConfigMap of up',
      start: (options: readonly string[]) => {
        const kubeconfig = join(home.folder, 'inside')
        const text = readFileSync(home.env.KUBECONFIG ?? '', 'utf8')
        writeFileSync(
          kubeconfig,
          text.replace(/https:\/\/127\.0\.0\.1:\d+/, 'https://172.30.0.2:6443'),
        )
        const outside = ['exec', 'outside', '--name', name, '--']
        const words = ['--kubeconfig', kubeconfig, '--node-name', 'extra', ...options]
        return home.start([...outside, fairleadCommand, 'pod-network', ...words])
      },
    },
    {
      name: "as flannel's DaemonSet does, with the service account of its pod",
      start: (options: readonly string[]) => {
        const applied = home.kubectl(name, ['apply', '-f', '-'], RIGHTS)
        assert.equal(applied.status, 0, applied.stderr)
        const account = join(home.folder, 'serviceaccount')
        mkdirSync(account)
        const secret = home.kubectl(name, ['create', 'token', 'flannel', '-n', 'kube-flannel'])
        writeFileSync(join(account, 'token'), secret.stdout.trim())
        const read = (what: string, path: string) =>
          home.kubectl(name, ['get', '-n', 'kube-flannel', what, '-o', `jsonpath={${path}}`]).stdout
        const authority = read('configmap/kube-root-ca.crt', '.data.ca\\.crt')
        writeFileSync(join(account, 'ca.crt'), authority)
        const conf = join(home.folder, 'net-conf.json')
        writeFileSync(conf, read('configmap/kube-flannel-cfg', '.data.net-conf\\.json'))
        // A pod's own files, which only this process sees.
        const mounts = `mount -t tmpfs run /run && mkdir -p /run/secrets/kubernetes.io && cp -r ${account} /run/secrets/kubernetes.io/`
        const daemon = [
          fairleadCommand,
          'pod-network',
          '--kube-subnet-mgr',
          '--net-config-path',
          conf,
        ]
        const pod = ['KUBERNETES_SERVICE_HOST=172.30.0.2', 'KUBERNETES_SERVICE_PORT=6443']
        return home.start([
          ...['exec', 'outside', '--name', name, '--', 'unshare', '-m', 'sh', '-c'],
          ...[
            `${mounts} && exec "$0" "$@"`,
            'env',
            'NODE_NAME=extra',
            ...pod,
            ...daemon,
            ...options,
          ],
        ])
      },
    },
  ]
  for (const { name: how, start } of joins) {
    test(`joins ${how}`, async () => {
      home.kubectl(name, ['apply', '-f', '-'], manifest('extra'))
      const subnetFile = join(home.folder, 'subnet.env')
      rmSync(subnetFile, { force: true })
      const daemon = start(['--iface', 'eth0', '--ip-masq', '--subnet-file', subnetFile])
      try {
        const [, subnet = ''] = await waitFor(
          () => /FLANNEL_SUBNET=(.*)\.1\/24/.exec(readFileSync(subnetFile, 'utf8')),
          { what: 'the subnet' },
        )
        assert.equal(nodeField('extra', '.spec.podCIDR'), `${subnet}.0/24`)
        const condition = nodeField(
          'extra',
          '.status.conditions[?(@.type=="NetworkUnavailable")].reason',
        )
        assert.equal(condition, 'FlannelIsUp')
        // The tunnel's own address, the first of the subnet, in both directions.
        await waitFor(() => node1('ping', '-c1', '-W1', `${subnet}.0`).status === 0, {
          what: 'the tunnel',
        })
        const [, other = ''] = /^(.*)\.0\/24$/.exec(nodeField('node1', '.spec.podCIDR')) ?? []
        assert.equal(outside('ping', '-c1', '-W1', `${other}.0`).status, 0)
      } finally {
        daemon.kill('SIGTERM')
        await once(daemon, 'close')
        home.kubectl(name, ['delete', 'node', 'extra'])
        outside('ip', 'link', 'del', 'flannel.1')
      }
    })
  }

  // flanneld itself is not at hand: what it writes is (facts/pod-network.md 3.2, and 6.2 "Key commands").
  test('shares the pod network when it is set up as flanneld does', async () => {
    const mac = '0a:0b:0c:0d:0e:0f'
    home.kubectl(
      name,
      ['apply', '-f', '-'],
      manifest('flanneld', {
        [`${ANNOTATION}/backend-data`]: `{"VNI":1,"VtepMAC":"${mac}"}`,
        [`${ANNOTATION}/backend-type`]: 'vxlan',
        [`${ANNOTATION}/kube-subnet-manager`]: 'true',
        [`${ANNOTATION}/public-ip`]: '172.30.0.254',
      }),
    )
    const podCIDR = await waitFor(() => nodeField('flanneld', '.spec.podCIDR'), {
      what: 'a podCIDR',
    })
    const own = podCIDR.replace('/24', '')
    const peer = nodeField('node1', '.spec.podCIDR')
    const gateway = peer.replace('/24', '')
    const data = nodeField(
      'node1',
      `.metadata.annotations.${ANNOTATION.replaceAll('.', '\\.')}/backend-data`,
    )
    const peerMAC = JSON.parse(data).VtepMAC
    const commands = [
      `ip link add flannel.1 address ${mac} mtu 1450 type vxlan id 1 dev eth0 local 172.30.0.254 dstport 8472 nolearning`,
      `ip addr add ${own}/32 dev flannel.1`,
      'ip link set flannel.1 up',
      `ip neigh replace ${gateway} lladdr ${peerMAC} dev flannel.1 nud permanent`,
      `bridge fdb replace ${peerMAC} dev flannel.1 dst 172.30.0.11 self permanent`,
      `ip route replace ${peer} via ${gateway} dev flannel.1 onlink`,
    ]
    for (const command of commands) assert.equal(outside(...command.split(' ')).status, 0, command)
    await waitFor(() => node1('ping', '-c1', '-W1', own).status === 0, { what: 'its tunnel' })
    const dns = home.kubectl(name, [
      'get',
      'pods',
      '-n',
      'kube-system',
      '-o',
      'jsonpath={.items[0].status.podIP}',
    ]).stdout
    assert.equal(outside('ping', '-c1', '-W1', dns).status, 0, `pod ${dns}`)
  })
})
