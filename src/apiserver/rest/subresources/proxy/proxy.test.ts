import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { splitProxyPath } from '../../../http/request-path.ts'
import { startTestServer } from '../../../testing/test-server.ts'
import { parseProxyName } from './proxy-name.ts'
import { rewriteHTML } from './rewrite-html.ts'
import { rewriteLink } from './rewrite-link.ts'

const prefix = '/api/v1/namespaces/default/services/web/proxy'
const base = { prefix, targetHost: '10.244.1.2:80', requestHost: 'localhost:8001' }

// apimachinery pkg/util/proxy/transport.go, rewriteURL() and its test.
suite('rewriteLink()', () => {
  const cases = [
    { link: '/index.html', want: `${prefix}/index.html` },
    { link: '/', want: `${prefix}/` },
    { link: '/a?b=/c#d', want: `${prefix}/a?b=/c#d` },
    { link: 'page', want: 'page' },
    { link: '#top', want: '#top' },
    { link: '', want: '' },
    { link: 'http://10.244.1.2:80/a', want: `${prefix}/a` },
    { link: 'http://localhost:8001/a', want: `${prefix}/a` },
    { link: 'https://example.com/a', want: 'https://example.com/a' },
    { link: '//example.com/a', want: '//example.com/a' },
    { link: `${prefix}/a`, want: `${prefix}/a` },
    { link: 'mailto:root@localhost', want: 'mailto:root@localhost' },
  ]
  for (const { link, want } of cases)
    test(JSON.stringify(link), () => assert.equal(rewriteLink(link, base), want))
})

suite('rewriteHTML()', () => {
  const cases = [
    { name: 'links', page: '<a href="/x">/x</a>', want: `<a href="${prefix}/x">/x</a>` },
    { name: 'any quotes', page: "<img src='/i' alt=/i>", want: `<img src="${prefix}/i" alt=/i>` },
    { name: 'no quotes', page: '<link href=/s.css>', want: `<link href="${prefix}/s.css">` },
    {
      name: 'a script, not its text',
      page: '<script src="/j">"<a href=\'/x\'>"</script>',
      want: `<script src="${prefix}/j">"<a href='/x'>"</script>`,
    },
    { name: 'no comments', page: '<!-- <a href="/x"> -->', want: '<!-- <a href="/x"> -->' },
    {
      name: 'no other attributes',
      page: '<div href="/x" data="/y">',
      want: '<div href="/x" data="/y">',
    },
    { name: 'forms', page: '<form action="/go">', want: `<form action="${prefix}/go">` },
  ]
  for (const { name, page, want } of cases)
    test(name, () => assert.equal(rewriteHTML(page, base), want))

  test('takes little time for pages that mean ill', () => {
    const started = performance.now()
    for (const page of [
      '<a '.repeat(50_000),
      '<script>'.repeat(2000),
      `<a ${'x="'.repeat(20_000)}`,
    ])
      rewriteHTML(page, base)
    assert.ok(performance.now() - started < 3000)
  })
})

// apimachinery pkg/util/net/port_split_test.go
suite('parseProxyName()', () => {
  const cases = [
    { id: 'aoeu', want: ['', 'aoeu', ''] },
    { id: 'aoeu:80', want: ['', 'aoeu', '80'] },
    { id: 'aoeu:', want: ['', 'aoeu', ''] },
    { id: 'https:aoeu:a', want: ['https', 'aoeu', 'a'] },
    { id: 'http:aoeu:', want: ['http', 'aoeu', ''] },
  ]
  for (const { id, want } of cases)
    test(id, () => {
      const { scheme, name, port } = parseProxyName(id, 'pod')
      assert.deepEqual([scheme, name, port], want)
    })
  for (const id of ['', ':', ':80', 'ftp:aoeu:1', 'a:b:c:d', 'http::80'])
    test(`refuses ${JSON.stringify(id)}`, () =>
      assert.throws(() => parseProxyName(id, 'pod'), { message: `invalid pod request "${id}"` }))
})

suite('splitProxyPath()', () => {
  const cases = [
    { url: prefix, want: [prefix, '', ''] },
    { url: `${prefix}/?x=1`, want: [prefix, '/', '?x=1'] },
    { url: `${prefix}/a%2Fb//c/../d?x=/proxy/y`, want: [prefix, '/a%2Fb//c/../d', '?x=/proxy/y'] },
    { url: '/api/v1/nodes/n1:9100/proxy/m', want: ['/api/v1/nodes/n1:9100/proxy', '/m', ''] },
  ]
  for (const { url, want } of cases)
    test(url, () => {
      const { prefix: before, path, query } = splitProxyPath(url)
      assert.deepEqual([before, path, query], want)
    })
})

// pkg/registry/core/service/storage/storage.go, ResourceLocation()
suite('services/proxy without endpoints', () => {
  const path = '/api/v1/namespaces/default'
  const ports = [{ port: 80, name: 'http' }]
  const address = { ip: '10.0.0.9', targetRef: { kind: 'Pod', namespace: 'default', name: 'no' } }
  const cases = [
    { name: 'no service', id: 'sv:80', want: [404, 'services "sv" not found'] },
    { name: 'no Endpoints', service: true, id: 'sv', want: [404, 'endpoints "sv" not found'] },
    {
      name: 'no subsets',
      service: true,
      subsets: [],
      id: 'http:sv:80',
      want: [503, 'no endpoints available for service "sv"'],
    },
    {
      name: 'no such port',
      service: true,
      subsets: [],
      id: 'sv:81',
      want: [503, 'no service port 81 found for service "sv"'],
    },
    {
      name: 'an address that no pod has',
      service: true,
      subsets: [{ addresses: [address], ports }],
      id: 'sv:80',
      want: [503, 'no endpoints available for service "sv:80"'],
    },
  ]
  for (const { name, service, subsets, id, want } of cases)
    test(name, async () => {
      await using server = await startTestServer()
      const make = async (plural: string, object: object) =>
        assert.equal(
          (await server.request('POST', `${path}/${plural}`, { body: object })).code,
          201,
        )
      const metadata = { name: 'sv' }
      if (service) await make('services', { metadata, spec: { ports } })
      if (subsets) await make('endpoints', { metadata, subsets })
      const { code, body } = await server.request('GET', `${path}/services/${id}/proxy/`)
      assert.deepEqual([code, body.message], want)
    })
})
