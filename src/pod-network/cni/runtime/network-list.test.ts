import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { loadNetworkList, parseNetworkList, planStdin } from './network-list.ts'

const list = (more: object) =>
  parseNetworkList(JSON.stringify({ name: 'net', plugins: [{ type: 'bridge' }], ...more }))

suite('parseNetworkList()', () => {
  // libcni/conf.go: the highest of cniVersions and cniVersion that is not above its own.
  const versions = [
    { name: 'none', conf: {}, want: '0.1.0' },
    { name: 'one', conf: { cniVersion: '0.4.0' }, want: '0.4.0' },
    { name: 'several', conf: { cniVersions: ['1.0.0', '0.4.0'] }, want: '1.0.0' },
    {
      name: 'several, and one above them',
      conf: { cniVersions: ['0.3.1'], cniVersion: '1.1.0' },
      want: '1.1.0',
    },
    {
      name: 'one from the future',
      conf: { cniVersions: ['0.4.0', '9.0.0'], cniVersion: '0.3.1' },
      want: '0.4.0',
    },
  ]
  for (const { name, conf, want } of versions) {
    test(`chooses of versions: ${name}`, () => assert.equal(list(conf).cniVersion, want))
  }

  test('takes flags as booleans and as words', () => {
    assert.equal(list({ disableCheck: true }).disableCheck, true)
    assert.equal(list({ disableGC: 'True' }).disableGC, true)
    assert.equal(list({ disableGC: 'false' }).disableGC, false)
  })

  test('takes a file of one plugin for a list of it', () => {
    const { plugins } = parseNetworkList('{"name":"net","type":"bridge","mtu":1400}')
    assert.deepEqual(plugins, [
      { type: 'bridge', config: { name: 'net', type: 'bridge', mtu: 1400 } },
    ])
  })

  const refusals = [
    { name: 'no JSON', text: '{', message: /^Cannot read conflist: / },
    { name: 'no name', text: '{"plugins":[{"type":"a"}]}', message: /it has no name/ },
    { name: 'no plugins', text: '{"name":"a"}', message: /it has no plugins/ },
    { name: 'an empty list', text: '{"name":"a","plugins":[]}', message: /it has no plugins/ },
    { name: 'no type', text: '{"name":"a","plugins":[{}]}', message: /a plugin has no type/ },
    {
      name: 'a version that is none',
      text: '{"name":"a","cniVersions":["new"],"plugins":[{"type":"a"}]}',
      message: /cniVersions holds "new"/,
    },
    {
      name: 'a flag that is neither',
      text: '{"name":"a","disableGC":"maybe","plugins":[{"type":"a"}]}',
      message: /disableGC is neither true nor false/,
    },
  ]
  for (const { name, text, message } of refusals) {
    test(`refuses ${name}`, () => {
      assert.throws(
        () => parseNetworkList(text),
        (error: Error & { code?: number }) => error.code === 7 && message.test(error.message),
      )
    })
  }
})

suite('loadNetworkList()', () => {
  const load = async (conf: object, fragments: Readonly<Record<string, object>>) => {
    const folder = mkdtempSync(join(tmpdir(), 'fairlead-conf-'))
    try {
      mkdirSync(join(folder, 'net'))
      for (const [name, fragment] of Object.entries(fragments)) {
        writeFileSync(join(folder, 'net', name), JSON.stringify(fragment))
      }
      writeFileSync(join(folder, 'a.conflist'), JSON.stringify({ name: 'net', ...conf }))
      return await loadNetworkList(join(folder, 'a.conflist'))
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
  const fragments = {
    '20-b.conf': { type: 'tuning' },
    '10-a.conf': { type: 'portmap' },
    'c.conflist': { type: 'no' },
  }

  test('appends the fragments beside it, in the order of their names', async () => {
    const { plugins, text } = await load({ plugins: [{ type: 'bridge' }] }, fragments)
    assert.deepEqual(
      plugins.map(({ type }) => type),
      ['bridge', 'portmap', 'tuning'],
    )
    // What is remembered of an attachment needs no fragments any more.
    assert.deepEqual(parseNetworkList(text).plugins, plugins)
  })

  test('needs no plugins of its own then', async () => {
    assert.equal((await load({}, fragments)).plugins.length, 2)
  })

  test('unless it says so', async () => {
    const conf = { plugins: [{ type: 'bridge' }], loadOnlyInlinedPlugins: true }
    assert.equal((await load(conf, fragments)).plugins.length, 1)
  })
})

test('planStdin() hands over the capabilities that are declared, and those only', () => {
  const { plugins, ...rest } = list({
    cniVersion: '1.0.0',
    plugins: [{ type: 'portmap', capabilities: { portMappings: true, mac: false } }],
  })
  const capabilityArgs = { portMappings: [], mac: 'x', ips: [] }
  assert.deepEqual(JSON.parse(planStdin({ plugins, ...rest }, plugins[0]!, { capabilityArgs })), {
    type: 'portmap',
    capabilities: { portMappings: true, mac: false },
    name: 'net',
    cniVersion: '1.0.0',
    runtimeConfig: { portMappings: [] },
  })
})
