import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { planServiceModel } from '../../model.ts'
import { portOf, serviceOf, sliceOf } from '../testing/objects.ts'
import { A, B, OPTIONS } from '../testing/packet-flows.ts'
import { planIPVS } from './plan-ipvs.ts'

const web = { clusterIP: '10.96.1.1', ports: portOf(80) }
/** IP_VS_SVC_F_PERSISTENT and IP_VS_SVC_F_SCHED_MH_PORT of include/uapi/linux/ip_vs.h. */
const [PERSISTENT, MH_PORT] = [0x1, 0x10]

function planOf(spec: Parameters<typeof serviceOf>[1], scheduler?: string) {
  const model = planServiceModel([serviceOf('web', spec)], [sliceOf('web', [A, B])], OPTIONS)
  return planIPVS(model, { ...OPTIONS, ipvs: { ...(scheduler && { scheduler }) } })
}

suite('planIPVS() makes virtual services', () => {
  // k/k pkg/proxy/ipvs/proxier.go: syncService and its callers; `rr` is defaultScheduler, `mh` alone gets its flag.
  const cases = [
    { name: 'round robin by default', scheduler: undefined, flags: 0 },
    { name: 'of another scheduler', scheduler: 'lc', flags: 0 },
    { name: 'of sh, by addresses alone', scheduler: 'sh', flags: 0 },
    { name: 'of mh, by ports too', scheduler: 'mh', flags: MH_PORT },
  ]
  for (const { name, scheduler, flags } of cases)
    test(name, () => {
      const [virtual] = [...planOf(web, scheduler).services.values()]
      assert.deepEqual(virtual!.service, {
        protocol: 'tcp',
        ip: '10.96.1.1',
        port: 80,
        scheduler: scheduler ?? 'rr',
        flags,
        timeout: 0,
      })
      assert.deepEqual(
        [...virtual!.destinations.values()],
        [A, B].map((ip) => ({ ip, port: 8080, weight: 1 })),
      )
    })

  test('with affinity: persistent for as long as the Service says', () => {
    const affinity = {
      sessionAffinity: 'ClientIP',
      sessionAffinityConfig: { clientIP: { timeoutSeconds: 60 } },
    } as const
    const [rr] = [...planOf({ ...web, ...affinity }).services.values()]
    assert.deepEqual([rr!.service.flags, rr!.service.timeout], [PERSISTENT, 60])
    const [mh] = [...planOf({ ...web, ...affinity }, 'mh').services.values()]
    assert.equal(mh!.service.flags, PERSISTENT | MH_PORT)
  })

  test("of each frontend; the node's own addresses are not bound to kube-ipvs0", () => {
    const plan = planOf({
      ...web,
      type: 'LoadBalancer',
      ports: portOf(80, { nodePort: 30080 }),
      loadBalancerIPs: ['172.30.0.200'],
    })
    assert.deepEqual([...plan.services.keys()].sort(), [
      'tcp 10.96.1.1 80',
      'tcp 172.30.0.11 30080',
      'tcp 172.30.0.200 80',
    ])
    assert.deepEqual([...plan.addresses].sort(), ['10.96.1.1', '172.30.0.200'])
    assert.deepEqual([...plan.sets.get('KUBE-IPVS-IPS')!].sort(), ['10.96.1.1', '172.30.0.200'])
  })
})
