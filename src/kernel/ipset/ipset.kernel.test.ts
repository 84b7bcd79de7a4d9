import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createLab } from '#testing/netns.ts'
import { openIPSets } from './ipset.ts'

suite('IP sets', () => {
  test('restore() makes and changes them, in one namespace only', () => {
    using lab = createLab()
    const [a, b] = [lab.netns('a'), lab.netns('b')]
    using inA = openIPSets(a)
    using inB = openIPSets(b)
    inA.restore([
      'create KUBE-CLUSTER-IP hash:ip,port family inet',
      'add KUBE-CLUSTER-IP 10.96.0.20,tcp:80',
      'add KUBE-CLUSTER-IP 10.96.0.10,udp:53',
      'create KUBE-NODE-PORT-TCP bitmap:port range 0-65535',
      'add KUBE-NODE-PORT-TCP 30080',
    ])
    assert.deepEqual(
      [...inA.list()],
      [
        ['KUBE-CLUSTER-IP', new Set(['10.96.0.20,tcp:80', '10.96.0.10,udp:53'])],
        ['KUBE-NODE-PORT-TCP', new Set(['30080'])],
      ],
    )
    inA.restore(['add KUBE-CLUSTER-IP 10.96.0.20,tcp:80', 'del KUBE-CLUSTER-IP 10.96.0.10,udp:53'])
    assert.deepEqual(inA.list().get('KUBE-CLUSTER-IP'), new Set(['10.96.0.20,tcp:80']))
    assert.equal(inB.list().size, 0)
  })

  test('a set that a rule names cannot be destroyed', () => {
    using lab = createLab()
    const netns = lab.netns('a')
    using sets = openIPSets(netns)
    sets.restore(['create KUBE-CLUSTER-IP hash:ip,port family inet'])
    lab.exec(netns, [
      ...['iptables-legacy', '-t', 'nat', '-A', 'POSTROUTING', '-m', 'set'],
      ...['--match-set', 'KUBE-CLUSTER-IP', 'dst,dst', '-j', 'MASQUERADE'],
    ])
    assert.throws(() => sets.restore(['destroy KUBE-CLUSTER-IP']), { errno: 'EBUSY' })
    lab.exec(netns, ['iptables-legacy', '-t', 'nat', '-F'])
    sets.restore(['destroy KUBE-CLUSTER-IP'])
    assert.equal(sets.list().size, 0)
    sets.restore(['destroy KUBE-CLUSTER-IP'])
  })

  test('says what ipset says, and refuses a line that is two', () => {
    using lab = createLab()
    using sets = openIPSets(lab.netns('a'))
    assert.throws(() => sets.restore(['create x hash:nonsense']), {
      errno: 'EINVAL',
      message: /Syntax error/,
    })
    assert.throws(() => sets.restore(['create x hash:ip\ncreate y hash:ip']), { errno: 'EINVAL' })
    assert.equal(sets.list().size, 0)
  })
})
