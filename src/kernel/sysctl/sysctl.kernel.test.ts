import assert from 'node:assert/strict'
import { test } from 'node:test'
import { suiteOnEachBackend } from '#testing/backends.ts'
import { createLab } from '#testing/netns.ts'
import { readSysctl, writeSysctl } from './sysctl.ts'

suiteOnEachBackend('sysctl', () => {
  test('is of the namespace that is named', () => {
    using lab = createLab()
    const [a, b] = [lab.netns('a'), lab.netns('b')]
    const before = readSysctl('net.ipv4.ip_forward')
    writeSysctl('net.ipv4.ip_forward', 1, a)
    writeSysctl('net.ipv4.ip_forward', '0', b)
    assert.equal(readSysctl('net.ipv4.ip_forward', a), '1')
    assert.equal(readSysctl('net.ipv4.ip_forward', b), '0')
    assert.equal(readSysctl('net.ipv4.ip_forward'), before)
    assert.equal(lab.exec(a, ['cat', '/proc/sys/net/ipv4/ip_forward']).stdout, '1\n')
  })

  test('takes the name of a link with a dot in it as sysctl(8) does', () => {
    using lab = createLab()
    const a = lab.netns('a')
    lab.rtnetlink(a).addLink({ kind: 'bridge', name: 'flannel.1' })
    writeSysctl('net.ipv4.conf.flannel/1.forwarding', 1, a)
    const path = '/proc/sys/net/ipv4/conf/flannel.1/forwarding'
    assert.equal(lab.exec(a, ['cat', path]).stdout, '1\n')
  })

  test('says which sysctl is missing or refused', () => {
    using lab = createLab()
    const a = lab.netns('a')
    assert.throws(() => readSysctl('net.ipv4.nonsense', a), {
      message: /^Cannot read sysctl net\.ipv4\.nonsense: ENOENT/,
    })
    assert.throws(() => writeSysctl('net.ipv4.ip_forward', 'x', a), { errno: 'EINVAL' })
    for (const name of ['net./../kernel', 'net..x', '', 'net.ipv4 .x']) {
      assert.throws(() => readSysctl(name, a), { errno: 'EINVAL' }, name)
    }
  })
})
