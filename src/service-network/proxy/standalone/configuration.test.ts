import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { parse } from 'yaml'
import { cidr } from '#ip/cidr.ts'
import { readConfiguration } from './configuration.ts'
import { overlay, parseFlags } from './flags.ts'
import { showConfiguration } from './show-configuration.ts'

/** The ConfigMap `kube-proxy` of a cluster that kubeadm made: every field, most of them empty (kubeadm, phases/addons/proxy). */
const KUBEADM = `
apiVersion: kubeproxy.config.k8s.io/v1alpha1
bindAddress: 0.0.0.0
bindAddressHardFail: false
clientConnection:
  acceptContentTypes: ""
  burst: 0
  contentType: ""
  kubeconfig: /var/lib/kube-proxy/kubeconfig.conf
  qps: 0
clusterCIDR: 10.244.0.0/16
configSyncPeriod: 0s
conntrack:
  maxPerCore: null
  min: null
  tcpBeLiberal: false
  tcpCloseWaitTimeout: null
  tcpEstablishedTimeout: null
  udpStreamTimeout: 0s
  udpTimeout: 0s
detectLocal:
  bridgeInterface: ""
  interfaceNamePrefix: ""
detectLocalMode: ""
enableProfiling: false
healthzBindAddress: ""
hostnameOverride: ""
iptables:
  localhostNodePorts: null
  masqueradeAll: false
  masqueradeBit: null
  minSyncPeriod: 0s
  syncPeriod: 0s
ipvs:
  excludeCIDRs: null
  minSyncPeriod: 0s
  scheduler: ""
  strictARP: false
  syncPeriod: 0s
  tcpFinTimeout: 0s
  tcpTimeout: 0s
  udpTimeout: 0s
kind: KubeProxyConfiguration
logging:
  flushFrequency: 0
  options: {json: {infoBufferSize: "0"}, text: {infoBufferSize: "0"}}
  verbosity: 0
metricsBindAddress: ""
mode: ""
nftables: {masqueradeAll: false, masqueradeBit: null, minSyncPeriod: 0s, syncPeriod: 0s}
nodePortAddresses: null
oomScoreAdj: null
portRange: ""
showHiddenMetricsForVersion: ""
winkernel: {enableDSR: false, forwardHealthCheckVip: false, networkName: "", rootHnsEndpointName: "", sourceVip: ""}
`

const read = (fields: object) => readConfiguration(fields)

suite('readConfiguration()', () => {
  test("takes kubeadm's file, without a word, and fills in the defaults", () => {
    const { configuration, warnings } = readConfiguration(parse(KUBEADM))
    assert.deepEqual(warnings, [])
    // Source of the defaults: k8s.io/kube-proxy config/v1alpha1/types.go; facts/services.md 1.1, "conntrack sysctls", "health endpoints".
    assert.deepEqual(configuration, {
      kubeconfig: '/var/lib/kube-proxy/kubeconfig.conf',
      hostnameOverride: '',
      bindAddressHardFail: false,
      healthz: { address: '0.0.0.0', port: 10256 },
      metrics: { address: '127.0.0.1', port: 10249 },
      mode: 'nftables',
      clusterCIDRs: [{ address: '10.244.0.0', prefixLength: 16 }],
      detectLocalMode: 'ClusterCIDR',
      nodePortAddresses: ['primary'],
      masqueradeAll: false,
      localhostNodePorts: true,
      syncPeriodMs: 30_000,
      ipvs: { scheduler: 'rr', strictARP: false },
      conntrack: {
        maxPerCore: 32_768,
        min: 131_072,
        tcpEstablishedTimeoutMs: 86_400_000,
        tcpCloseWaitTimeoutMs: 3_600_000,
        tcpBeLiberal: false,
        udpTimeoutMs: 0,
        udpStreamTimeoutMs: 0,
      },
      oomScoreAdj: undefined,
    })
  })

  test('reads what is set', () => {
    const { configuration } = read({
      mode: 'ipvs',
      bindAddress: 'fd00:172:30::11',
      clusterCIDR: '10.244.0.0/16,fd00:10:244::/56',
      healthzBindAddress: '127.0.0.1:0',
      metricsBindAddress: '[::]:9100',
      ipvs: { scheduler: 'lc', strictARP: true, syncPeriod: '1m30s' },
      iptables: { masqueradeAll: true },
      nodePortAddresses: ['primary', '192.0.2.0/24'],
    })
    assert.equal(configuration.healthz, undefined)
    assert.deepEqual(configuration.metrics, { address: '::', port: 9100 })
    assert.equal(configuration.bindAddress, 'fd00:172:30::11')
    assert.equal(configuration.clusterCIDRs.length, 2)
    assert.deepEqual(configuration.ipvs, { scheduler: 'lc', strictARP: true })
    assert.equal(configuration.syncPeriodMs, 90_000)
    assert.equal(configuration.masqueradeAll, true)
    assert.deepEqual(configuration.nodePortAddresses, ['primary', cidr('192.0.2.0/24')])
    // Source of both defaults: facts/services.md 1.1, "nodePort".
    assert.deepEqual(read({ mode: 'ipvs' }).configuration.nodePortAddresses, ['all'])
  })

  test('tells of what has no effect, and of what nobody knows', () => {
    const { warnings } = read({ iptables: { masqueradeBit: 14, speed: 9 }, shape: 'round' })
    assert.deepEqual(warnings, [
      'field "iptables.masqueradeBit" has no effect here',
      'unknown field "iptables.speed"',
      'unknown field "shape"',
    ])
  })

  const refused: readonly { name: string; fields: unknown; message: RegExp }[] = [
    { name: 'a list', fields: [], message: /^Cannot read the configuration: it is no object$/ },
    {
      name: 'another kind',
      fields: { apiVersion: 'v1', kind: 'Pod' },
      message:
        /it is "v1" "Pod" \(kubeproxy.config.k8s.io\/v1alpha1 KubeProxyConfiguration is read\)/,
    },
    {
      name: 'a mode that is none',
      fields: { mode: 'ebpf' },
      message: /^Cannot use mode "ebpf": it is none of nftables, iptables, ipvs, userspace$/,
    },
    {
      name: 'a text for a number',
      fields: { conntrack: { min: 'x' } },
      message: /conntrack\.min "x": it is no whole number/,
    },
    {
      name: 'a number for a duration',
      fields: { iptables: { syncPeriod: 30 } },
      message: /iptables\.syncPeriod 30: it is no duration/,
    },
    {
      name: 'no CIDR',
      fields: { clusterCIDR: '10.244.0.0' },
      message: /clusterCIDR "10\.244\.0\.0": it is no CIDR/,
    },
    {
      name: 'no address',
      fields: { healthzBindAddress: 'localhost:1' },
      message: /healthzBindAddress "localhost:1": it is no address and port/,
    },
    {
      name: 'a port that is none',
      fields: { metricsBindAddress: '0.0.0.0:70000' },
      message: /it is no address and port/,
    },
    {
      name: 'a nodePort address that is none',
      fields: { nodePortAddresses: ['eth0'] },
      message: /^Cannot use nodePort address "eth0": it is no network/,
    },
    {
      name: 'a way to know pods that is none',
      fields: { detectLocalMode: 'Bridge' },
      message: /detectLocalMode "Bridge": it is none of ClusterCIDR, NodeCIDR, BridgeInterface/,
    },
    {
      name: 'a bridge without a name',
      fields: { detectLocalMode: 'BridgeInterface' },
      message: /detectLocal.bridgeInterface "": detectLocalMode BridgeInterface needs the name/,
    },
  ]
  for (const { name, fields, message } of refused)
    test(`refuses ${name}`, () =>
      assert.throws(
        () => readConfiguration(fields),
        (error: Error) => error instanceof TypeError && message.test(error.message),
      ))

  test('reads or refuses whatever a file holds', () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom(...Object.keys(parse(KUBEADM))),
        (value, field) => {
          for (const document of [
            value,
            { [field]: value },
            { [field]: { syncPeriod: value, min: value } },
          ]) {
            try {
              readConfiguration(document)
            } catch (error) {
              assert.ok(error instanceof TypeError, `${error}`)
              assert.match(error.message, /^Cannot (?:use|read) /)
            }
          }
        },
      ),
      { numRuns: 300 },
    )
  })
})

suite('showConfiguration() gives a document that reads the same', () => {
  // Source of the fields: k8s.io/kube-proxy config/v1alpha1/types.go.
  const rows: readonly { readonly name: string; readonly document: object }[] = [
    { name: 'defaults', document: {} },
    {
      name: 'servers off',
      document: { healthzBindAddress: '0.0.0.0:0', metricsBindAddress: '[::1]:0' },
    },
    { name: 'IPv6', document: { bindAddress: 'fd00::1', clusterCIDR: 'fd00:10::/56,10.0.0.0/8' } },
    {
      name: 'all of it',
      document: {
        mode: 'ipvs',
        clientConnection: { kubeconfig: '/k' },
        hostnameOverride: 'n1',
        bindAddressHardFail: true,
        detectLocalMode: 'InterfaceNamePrefix',
        detectLocal: { interfaceNamePrefix: 'veth' },
        nodePortAddresses: ['primary', '127.0.0.0/8'],
        oomScoreAdj: -998,
        iptables: { masqueradeAll: true, localhostNodePorts: false },
        ipvs: { scheduler: 'wrr', strictARP: true, syncPeriod: '1m30s' },
        conntrack: { maxPerCore: 0, udpTimeout: '1.5s', tcpBeLiberal: true },
      },
    },
  ]
  for (const { name, document } of rows)
    test(name, () => {
      const { configuration } = readConfiguration(document)
      const { configuration: again, warnings } = readConfiguration(showConfiguration(configuration))
      const { healthz, metrics, ...rest } = configuration
      const { healthz: _, metrics: __, ...restAgain } = again
      assert.deepEqual(restAgain, rest)
      assert.deepEqual([again.healthz, again.metrics], [healthz, metrics])
      assert.deepEqual(warnings, [])
    })
})

suite('parseFlags()', () => {
  const merged = (argv: readonly string[], file: object = {}) =>
    readConfiguration(overlay(file as Readonly<Record<string, unknown>>, parseFlags(argv).document))
      .configuration

  // Source of names: kube-proxy --help (kubernetes.io, reference/command-line-tools-reference/kube-proxy).
  test("takes kube-proxy's flags", () => {
    const configuration = merged([
      ...[
        '--kubeconfig=/k',
        '--proxy-mode',
        'iptables',
        '--masquerade-all',
        '--cluster-cidr=10.0.0.0/8',
      ],
      ...[
        '--nodeport-addresses=primary,127.0.0.0/8',
        '--conntrack-min=0',
        '--hostname-override',
        'n1',
      ],
      ...['--iptables-localhost-nodeports=false', '--v=2'],
    ])
    assert.equal(configuration.kubeconfig, '/k')
    assert.equal(configuration.mode, 'iptables')
    assert.equal(configuration.masqueradeAll, true)
    assert.equal(configuration.localhostNodePorts, false)
    assert.deepEqual(configuration.nodePortAddresses, ['primary', cidr('127.0.0.0/8')])
    assert.equal(configuration.conntrack.min, 0)
    assert.equal(configuration.hostnameOverride, 'n1')
  })

  // Source: kube-proxy's in GKE's manifest (kubernetes cluster/gce/gci/configure-helper.sh, prepare-kube-proxy-manifest-variables).
  test('starts with flags that mean nothing here, and tells of those that somebody may count on', () => {
    const { warnings, master, document } = parseFlags([
      ...['--master=https://10.0.0.2', '--kubeconfig=/k', '--cluster-cidr=10.0.0.0/8'],
      ...['--oom-score-adj=-998', '--v=2', '--feature-gates=A=true', '--profiling'],
      ...['--iptables-sync-period=1m', '--iptables-min-sync-period=10s', '--ipvs-sync-period=1m'],
      ...['--config-sync-period', '15m', '--log_file=/x', '--logtostderr', '--masquerade_all'],
    ])
    assert.equal(master, 'https://10.0.0.2')
    assert.deepEqual(document, {
      clientConnection: { kubeconfig: '/k' },
      clusterCIDR: '10.0.0.0/8',
      iptables: { syncPeriod: '1m', masqueradeAll: true },
      ipvs: { syncPeriod: '1m' },
      nftables: { masqueradeAll: true },
      oomScoreAdj: -998,
    })
    assert.deepEqual(warnings.toSorted(), [
      'flag --feature-gates has no effect here',
      'flag --iptables-min-sync-period has no effect here',
      'flag --profiling has no effect here',
    ])
  })

  test('takes true and false for what is either there or not', () => {
    assert.equal(parseFlags(['--cleanup=true']).cleanup, true)
    assert.equal(parseFlags(['--cleanup=false', '--version']).cleanup, false)
    // Source of the words: Go's strconv.ParseBool, which pflag calls.
    for (const [word, want] of [
      ['1', true],
      ['T', true],
      ['FALSE', false],
    ] as const)
      assert.equal(merged([`--masquerade-all=${word}`]).masqueradeAll, want)
    assert.throws(() => parseFlags(['--cleanup=maybe']), TypeError)
  })

  // Ours: kube-proxy's own cleaning keeps the mode that it starts in.
  test('takes a mode that --cleanup keeps, and only then', () => {
    assert.equal(parseFlags(['--cleanup']).keep, undefined)
    assert.equal(parseFlags(['--cleanup', '--keep=ipvs']).keep, 'ipvs')
    assert.throws(() => parseFlags(['--keep=ipvs']), TypeError)
    assert.throws(() => parseFlags(['--cleanup', '--keep=kernelspace']), {
      message:
        /^Cannot use --keep "kernelspace": it is none of nftables, iptables, ipvs, userspace$/,
    })
  })

  test('takes an empty list for none', () =>
    assert.deepEqual(merged(['--nodeport-addresses=', '--cluster-cidr=']).nodePortAddresses, [
      'primary',
    ]))

  test('lets a file count, but for the few that are the node’s', () => {
    const argv = ['--config=f', '--proxy-mode=ipvs', '--hostname-override=n2']
    assert.deepEqual(parseFlags(argv).warnings, [
      'flag --proxy-mode is ignored: a file is given by --config',
    ])
    const configuration = merged(argv, { mode: 'userspace', hostnameOverride: 'n1' })
    assert.deepEqual([configuration.mode, configuration.hostnameOverride], ['userspace', 'n2'])
  })

  for (const argv of [['--made-up'], ['--conntrack-min=x'], ['--masquerade-all=maybe'], ['word']])
    test(`refuses ${argv.join(' ')}`, () => assert.throws(() => parseFlags(argv), TypeError))
})
