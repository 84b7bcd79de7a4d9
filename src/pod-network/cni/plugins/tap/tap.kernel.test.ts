import assert from 'node:assert/strict'
import { closeSync, constants, openSync, readSync, writeSync } from 'node:fs'
import { suite, test } from 'node:test'
import { checked, libc } from '#kernel/ffi/libc.ts'
import { inNetns, type Netns } from '#kernel/netns/netns.ts'
import { createLab } from '#testing/netns.ts'
import { waitFor } from '#testing/wait-for.ts'
import { createPluginLab } from '../testing/plugin-lab.ts'

const TUNSETIFF = 0x400454can
const IFF_TAP_NO_PI = 0x1002
const ETHERTYPE_ARP = 0x0806
const ARP_REPLY = 2

/** What a virtual machine does: attaches to the device that is there. */
function attach(netns: Netns, device: string): number {
  const request = Buffer.alloc(40)
  request.write(device)
  request.writeUInt16LE(IFF_TAP_NO_PI, 16)
  return inNetns(netns, () => {
    const fd = openSync('/dev/net/tun', constants.O_RDWR | constants.O_NONBLOCK)
    checked(libc().ioctl(fd, TUNSETIFF, request), 'attach to TAP device')
    return fd
  })
}

/** The sender's MAC address of an ARP reply, if that is the next frame. */
function readReply(fd: number): string | undefined {
  const frame = Buffer.alloc(2000)
  try {
    readSync(fd, frame)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return
    throw error
  }
  const isReply = frame.readUInt16BE(12) === ETHERTYPE_ARP && frame.readUInt16BE(20) === ARP_REPLY
  return isReply ? frame.subarray(22, 28).toString('hex') : undefined
}

suite('tap', () => {
  test('gives a pod a TAP device: a frame written to it is answered', async () => {
    using lab = createLab()
    using it = createPluginLab(lab)
    const pod = lab.netns('a')
    const own = { owner: 0, group: 0, mac: '0a:00:00:00:00:07', mtu: 1400 }
    const step = { type: 'tap', ipam: it.hostLocal('10.7.0.0/24'), ...own }
    const result = await it.add('ours', 'a', step)
    assert.equal(result.interfaces[0].mac, '0a:00:00:00:00:07')
    assert.equal(result.ips[0].address, '10.7.0.2/24')
    const fd = attach(pod, 'eth0')
    // RFC 826: 0a:00:00:00:00:09, 10.7.0.9, asks everybody who has 10.7.0.2.
    const ethernet = 'ffffffffffff' + '0a0000000009' + '0806'
    const arp = '0001080006040001' + '0a0000000009' + '0a070009' + '000000000000' + '0a070002'
    // Asked again, as ARP does: before the kernel has seen the carrier, the answer finds no queue to leave by.
    const ask = () => {
      writeSync(fd, Buffer.from(ethernet + arp, 'hex'))
      return readReply(fd)
    }
    assert.equal(await waitFor(ask, { what: 'an ARP reply' }), '0a0000000007')
    closeSync(fd)
    const { stdout: link } = lab.exec(pod, ['ip', '-d', 'link', 'show', 'eth0'])
    assert.match(link, /mtu 1400.*tun type tap .*user root group root/s)
    await it.run('ours', 'CHECK', 'a', step, { prevResult: result })
    for (const _ of [1, 2]) await it.run('ours', 'DEL', 'a', step)
    assert.doesNotMatch(lab.exec(pod, ['ip', 'link']).stdout, /eth0/)
  })

  test('joins a bridge of the pod, with several queues', async () => {
    using lab = createLab()
    using it = createPluginLab(lab)
    const pod = lab.netns('a')
    lab.exec(pod, ['ip', 'link', 'add', 'br0', 'type', 'bridge'])
    await it.add('ours', 'a', { type: 'tap', bridge: 'br0', multiQueue: true })
    const { stdout } = lab.exec(pod, ['ip', '-d', 'link', 'show', 'eth0'])
    assert.match(stdout, /master br0.*tun type tap .*multi_queue/s)
    const step = { type: 'tap', bridge: 'none' }
    const message = await it.refused('ours', 'ADD', 'a', step, { ifname: 'net1' })
    assert.equal(message, 'failed to get bridge none: Link not found')
    assert.doesNotMatch(lab.exec(pod, ['ip', 'link']).stdout, /net1/)
  })
})
