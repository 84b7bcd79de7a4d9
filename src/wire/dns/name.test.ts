import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { decodeName, domainName, labelsBelow, labelsOf, nameKey, parseName } from './name.ts'

const label63 = 'a'.repeat(63)

suite('parseName()', () => {
  // RFC 1035 sections 2.3.4 (sizes) and 5.1 (escapes).
  const accepted = [
    { text: 'web.default.svc', want: 'web.default.svc' },
    { text: 'Web.Default.svc.', want: 'Web.Default.svc' },
    { text: '_http._tcp.web', want: '_http._tcp.web' },
    { text: '.', want: '' },
    { text: 'a\\.b.c', want: 'a\\.b.c' },
    { text: 'a\\032b', want: 'a\\032b' },
    { text: 'a b', want: 'a\\032b' },
    { text: '*.example', want: '*.example' },
    { text: label63, want: label63 },
    // Three labels of 63 and one of 61 bytes are 255 on the wire.
    { text: [label63, label63, label63, 'b'.repeat(61)].join('.') },
  ]
  for (const { text, want = text } of accepted)
    test(text, () => assert.equal(parseName(text), want))

  const refused = [
    { name: 'empty', text: '' },
    { name: 'empty label', text: 'a..b' },
    { name: 'leading dot', text: '.a' },
    { name: 'label of 64 bytes', text: 'a'.repeat(64) },
    { name: '256 bytes', text: [label63, label63, label63, 'b'.repeat(62)].join('.') },
    { name: 'dangling escape', text: 'a\\' },
    { name: 'escape over 255', text: '\\256' },
    { name: 'not a byte', text: 'ü\u0100' },
  ]
  for (const { name, text } of refused)
    test(`refuses ${name}`, () => assert.equal(parseName(text), undefined))
})

suite('names', () => {
  test('compare without case', () =>
    assert.equal(nameKey(domainName('Web.SVC')), nameKey(domainName('web.svc'))))
  test('labelsOf() keeps an escaped dot inside its label', () =>
    assert.deepEqual(labelsOf(domainName('a\\.b.c\\032d.e')), ['a\\.b', 'c\\032d', 'e']))
  test('labelsBelow()', () => {
    const zone = domainName('cluster.local')
    assert.deepEqual(labelsBelow(domainName('web.Cluster.LOCAL'), zone), ['web'])
    assert.deepEqual(labelsBelow(zone, zone), [])
    assert.equal(labelsBelow(domainName('web.xcluster.local'), zone), undefined)
    assert.equal(labelsBelow(domainName('local'), zone), undefined)
  })
})

suite('decodeName()', () => {
  // RFC 1035 section 4.1.4: F.ISI.ARPA at 20, FOO.F.ISI.ARPA at 40, ARPA at 64, the root at 92.
  const message = new Uint8Array(93)
  message.set(Uint8Array.fromHex('014603495349044152504100'), 20)
  message.set(Uint8Array.fromHex('03464f4fc014'), 40)
  message.set(Uint8Array.fromHex('c01a'), 64)
  const cases = [
    { offset: 20, want: { name: 'F.ISI.ARPA', end: 32 } },
    { offset: 40, want: { name: 'FOO.F.ISI.ARPA', end: 46 } },
    { offset: 64, want: { name: 'ARPA', end: 66 } },
    { offset: 92, want: { name: '', end: 93 } },
  ]
  for (const { offset, want } of cases)
    test(`RFC 1035 example at ${offset}`, () => assert.deepEqual(decodeName(message, offset), want))

  const hostile = [
    { name: 'pointer to itself', hex: 'c000', problem: /does not lead backwards/ },
    { name: 'pointer forwards', hex: 'c00400000161', problem: /does not lead backwards/ },
    { name: 'loop of two', hex: '0161c000', problem: /does not lead backwards/ },
    { name: 'reserved label type', hex: '8061', problem: /label type 2/ },
    { name: 'extended label type', hex: '4161', problem: /label type 1/ },
    { name: 'no end', hex: '0361', problem: /message ends/ },
    { name: 'half a pointer', hex: 'c0', problem: /message ends/ },
    { name: 'too long', hex: `3f${'61'.repeat(63)}`.repeat(4), problem: /longer than 255/ },
  ]
  for (const { name, hex, problem } of hostile)
    test(`refuses ${name}`, () =>
      assert.throws(() => decodeName(Uint8Array.fromHex(hex), 0), problem))

  test('escapes what would not print', () => {
    const { name } = decodeName(Uint8Array.fromHex('04612e0a5c00'), 0)
    assert.equal(name, 'a\\.\\010\\\\')
  })
})
