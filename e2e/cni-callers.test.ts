import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import type { Netns } from '#kernel/netns/netns.ts'
import { createLab, type Lab } from '#testing/netns.ts'
import { BUSYBOX_IMAGE, writeBusyboxImage } from './support/busybox-image.ts'
import {
  type ContainerHost,
  createContainerHost,
  removeEmptyCgroups,
  startContainerd,
} from './support/container-host.ts'
import { type CRIClient, connectCRI } from './support/cri-client.ts'

// The promise: `fairlead cni install`, and any container runtime has its pods on our network: no cluster, no agent.
suite('Container runtimes call the installed plugins', () => {
  let lab: Lab
  let host: ContainerHost
  let outside: Netns
  let image: string
  before(async () => {
    lab = createLab()
    host = await createContainerHost(lab)
    outside = lab.netns('outside')
    lab.connect(
      { netns: host.netns, device: 'up0', address: '172.30.0.11/24' },
      { netns: outside, device: 'up0', address: '172.30.0.254/24' },
    )
    image = writeBusyboxImage(host.folder)
  })
  after(() => {
    lab[Symbol.dispose]()
    removeEmptyCgroups(['k8s.io', 'libpod_parent'])
  })

  /** What the plugins keep of attachments: nothing, once these are gone. */
  const assertNothingLeft = () => {
    const leases = 'find /var/lib/cni/networks -name "[0-9]*.*"'
    assert.equal(host.run(['sh', '-c', leases]), '')
    // Rules: the table has a comment of its own.
    assert.doesNotMatch(host.run(['nft', 'list', 'ruleset']), /\S comment "/)
    assert.doesNotMatch(host.run(['ip', 'link']), /veth/)
  }
  const fetchFrom = (netns: Netns, url: string) =>
    lab.exec(netns, ['curl', '-s', '--max-time', '3', url]).stdout
  const serveScript = 'httpd -h /www -p 8080'

  suite('containerd', () => {
    let socket: string
    let cri: CRIClient
    const ctr = (...args: string[]) => host.run(['ctr', '-a', socket, '-n', 'k8s.io', ...args])
    before(async () => {
      socket = await startContainerd(host)
      ctr('images', 'import', image)
      cri = connectCRI(socket)
    })
    after(() => cri?.[Symbol.dispose]())

    test('ctr run --cni', () => {
      const look =
        'ip -4 addr show eth0; ip route; ping -c1 -W2 10.88.0.1; ping -c1 -W2 172.30.0.254'
      const said = ctr('run', '--rm', '--cni', BUSYBOX_IMAGE, 'c1', '/bin/sh', '-c', look)
      assert.match(said, /inet 10\.88\.0\.2\/32/)
      assert.match(said, /default via 10\.88\.0\.1 dev eth0/)
      // Beyond the pod network under the machine's address: the neighbour knows no way to pods.
      assert.equal(said.match(/1 packets received/g)?.length, 2, said)
      assertNothingLeft()
    })

    test('the CRI: a pod with a host port and a bandwidth, run, stopped and removed twice', async () => {
      // "NetworkReady" is what kubelet waits for.
      assert.deepEqual(
        [...(await cri.status())],
        [
          ['RuntimeReady', ''],
          ['NetworkReady', ''],
        ],
      )
      const pod = (name: string, hostPort: number) =>
        cri.runPodSandbox({
          name,
          uid: `uid-${name}`,
          hostPort,
          containerPort: 8080,
          annotations: { 'kubernetes.io/ingress-bandwidth': '10M' },
          logDirectory: join(host.folder, 'logs'),
        })
      const [a, b] = [await pod('a', 8088), await pod('b', 8089)]
      assert.equal(host.run(['tc', 'qdisc']).match(/tbf .* rate 10Mbit/g)?.length, 2)
      const ip = await cri.podIP(a)
      assert.match(ip, /^10\.88\.0\.\d+$/)
      // The sandbox's only process sleeps: one beside it serves.
      ctr('task', 'exec', '--exec-id', 'httpd', a, '/bin/sh', '-c', serveScript)
      assert.equal(fetchFrom(outside, 'http://172.30.0.11:8088/'), 'hello\n')
      assert.equal(
        ctr('task', 'exec', '--exec-id', 'x', b, 'wget', '-qO-', `${ip}:8080`),
        'hello\n',
      )
      for (const id of [a, b, a]) await cri.stopPodSandbox(id)
      for (const id of [a, b, a]) await cri.removePodSandbox(id)
      assert.equal(fetchFrom(outside, 'http://172.30.0.11:8088/'), '')
      assertNothingLeft()
    })
  })

  test('podman, by its CNI backend, with a published port', () => {
    const folder = join(host.folder, 'podman')
    mkdirSync(folder)
    const conf = join(folder, 'containers.conf')
    writeFileSync(
      conf,
      `[network]
network_backend = "cni"
cni_plugin_dirs = ["/opt/cni/bin"]
network_config_dir = "/etc/cni/net.d"
default_network = "fairlead"
[engine]
cgroup_manager = "cgroupfs"
events_logger = "file"
runtime = "runc"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
`,
    )
    const storage = ['--root', `${folder}/root`, '--runroot', `${folder}/run`]
    const podman = (...args: string[]) =>
      host.run([
        ...['env', `CONTAINERS_CONF=${conf}`, 'podman', ...storage],
        ...['--storage-driver', 'vfs', '--tmpdir', `${folder}/tmp`, ...args],
      ])
    podman('load', '-q', '-i', image)
    const options = ['--name', 'web', '-p', '18080:8080', '--network', 'fairlead']
    podman('run', '-d', ...options, BUSYBOX_IMAGE, 'sh', '-c', `${serveScript}; sleep 1000`)
    assert.equal(fetchFrom(outside, 'http://172.30.0.11:18080/'), 'hello\n')
    assert.match(podman('exec', 'web', 'ip', 'route'), /default via 10\.88\.0\.1 dev eth0/)
    podman('rm', '-f', '-t', '0', 'web')
    assert.equal(fetchFrom(outside, 'http://172.30.0.11:18080/'), '')
    assertNothingLeft()
  })
})
