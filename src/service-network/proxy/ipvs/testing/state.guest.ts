/** Runs where the kernel has IP_VS: e2e/ipvs.test.ts brings it there. */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { ip } from '#ip/ip.ts'
import { openIPVS } from '#kernel/ipvs/ipvs.ts'
import { KernelError } from '#kernel/kernel-error.ts'
import type { Netns } from '#kernel/netns/netns.ts'
import { readSysctl } from '#kernel/sysctl/sysctl.ts'
import { silentLog } from '#log/log.ts'
import { createLab } from '#testing/netns.ts'
import { planServiceModel } from '../../../model.ts'
import type { IPVSOptions } from '../../mode.ts'
import { portOf, serviceOf, sliceOf } from '../../testing/objects.ts'
import { A, B, OPTIONS } from '../../testing/packet-flows.ts'
import { ipvsMode } from '../ipvs-mode.ts'

/** Those that kube-proxy's documentation names (kubernetes.io/docs/reference/networking/virtual-ips, "IPVS proxy mode"). */
const SCHEDULERS = ['rr', 'wrr', 'lc', 'wlc', 'lblc', 'lblcr', 'sh', 'dh', 'sed', 'nq', 'mh']

suite('what the ipvs mode has in the kernel', () => {
  test("the kernel takes each of kube-proxy's schedulers, and an unknown one is named", () => {
    using lab = createLab()
    using ipvs = openIPVS(lab.netns('node1'))
    const service = { protocol: 'tcp', ip: ip('10.96.1.1'), flags: 0, timeout: 0 } as const
    SCHEDULERS.forEach((scheduler, i) => ipvs.addService({ ...service, port: i + 1, scheduler }))
    const found = [...ipvs.services()].sort((a, b) => a.port - b.port)
    assert.deepEqual(
      found.map(({ scheduler }) => scheduler),
      SCHEDULERS,
    )
    assert.throws(
      () => ipvs.addService({ ...service, port: 99, scheduler: 'fastest' }),
      (error) => error instanceof KernelError && /no scheduler fastest/.test(error.message),
    )
  })

  test('scheduler, affinity and sysctls are as told; a successor changes the scheduler in place', async () => {
    using lab = createLab()
    const netns = lab.netns('node1')
    const affinity = { sessionAffinity: 'ClientIP' } as const
    const web = serviceOf('web', { clusterIP: '10.96.1.1', ports: portOf(80), ...affinity })
    const model = planServiceModel([web], [sliceOf('web', [A, B])], OPTIONS)
    const sync = async (options: IPVSOptions) => {
      await using table = await ipvsMode.open(
        { netns, log: silentLog },
        { ...OPTIONS, ipvs: options },
      )
      await table.sync(model)
      assert.ok(await table.isIntact())
    }
    const list = () => lab.exec(netns, ['ipvsadm', '-Ln']).stdout

    await sync({})
    // 10800 s: the default of ClientIPConfig.timeoutSeconds.
    assert.match(list(), /^TCP {2}10\.96\.1\.1:80 rr persistent 10800$/m)
    assert.deepEqual(arpOf(netns), ['0', '0'])
    assert.deepEqual(
      ['conntrack', 'expire_nodest_conn', 'expire_quiescent_template'].map((name) =>
        readSysctl(`net.ipv4.vs.${name}`, netns),
      ),
      ['1', '1', '1'],
    )
    await sync({ scheduler: 'mh', strictARP: true })
    assert.match(list(), /^TCP {2}10\.96\.1\.1:80 mh \(mh-port\) persistent 10800$/m)
    assert.match(list(), /-> 10\.244\.1\.7:8080 +Masq +1 /)
    assert.match(list(), /-> 10\.244\.1\.8:8080 +Masq +1 /)
    assert.deepEqual(arpOf(netns), ['1', '2'])
    await ipvsMode.removeLeftovers({ netns, log: silentLog }, 4)
    assert.doesNotMatch(list(), /TCP/)
  })
})

function arpOf(netns: Netns): readonly string[] {
  return ['arp_ignore', 'arp_announce'].map((name) =>
    readSysctl(`net.ipv4.conf.all.${name}`, netns),
  )
}
