import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { startTestServer } from '../testing/test-server.ts'

const CONFIG_MAPS = '/api/v1/namespaces/default/configmaps'

suite('/metrics', () => {
  test('counts requests by upstream’s labels', async () => {
    await using server = await startTestServer()
    const made = { metadata: { name: 'a' } }
    await server.request('POST', CONFIG_MAPS, { body: made })
    await server.request('POST', `${CONFIG_MAPS}?dryRun=All`, { body: { metadata: { name: 'b' } } })
    await server.request('GET', CONFIG_MAPS)
    await server.request('GET', CONFIG_MAPS)
    await server.request('GET', `${CONFIG_MAPS}/none`)
    await server.request('GET', `${CONFIG_MAPS}/a/made-up`)
    await server.request('GET', '/apis/made.up/v1/things')
    await server.request('PATCH', `${CONFIG_MAPS}/a?fieldManager=m`, {
      body: { apiVersion: 'v1', kind: 'ConfigMap', ...made },
      headers: { 'content-type': 'application/apply-patch+yaml' },
    })
    const { headers, text } = await server.request('GET', '/metrics')
    // Prometheus, exposition formats: text format 0.0.4
    assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8')
    const counted = new Map(
      text
        .split('\n')
        .filter((line) => line.startsWith('apiserver_request_total{'))
        .map((line) => [line.slice(0, line.lastIndexOf(' ')), line.slice(line.lastIndexOf(' '))]),
    )
    // apiserver endpoints/metrics/metrics.go: labels of request_total, cleanVerb(), CleanScope()
    const of = (code: number, verb: string, scope: string, dryRun = '') =>
      counted.get(
        `apiserver_request_total{code="${code}",component="apiserver",dry_run="${dryRun}",group="",resource="configmaps",scope="${scope}",subresource="",verb="${verb}",version="v1"}`,
      )
    assert.equal(of(200, 'LIST', 'namespace'), ' 2')
    assert.equal(of(201, 'POST', 'resource'), ' 1')
    assert.equal(of(201, 'POST', 'resource', 'All'), ' 1')
    assert.equal(of(404, 'GET', 'resource'), ' 2')
    assert.equal(of(200, 'APPLY', 'resource'), ' 1')
    assert.doesNotMatch(text, /made/)
  })

  test('tells of the process and of what is in work', async () => {
    await using server = await startTestServer()
    const { text } = await server.request('GET', '/metrics')
    // /metrics itself is in work (apiserver server/filters/maxinflight.go: readOnlyKind).
    assert.match(text, /^apiserver_current_inflight_requests\{request_kind="readOnly"\} 1$/m)
    assert.match(text, /^apiserver_current_inflight_requests\{request_kind="mutating"\} 0$/m)
    const sampleOf = (name: string) => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])
    // client_golang prometheus/process_collector.go
    assert.ok(
      Math.abs(sampleOf('process_start_time_seconds') * 1000 - performance.timeOrigin) < 1000,
    )
    assert.ok(sampleOf('process_resident_memory_bytes') > 10_000_000)
    assert.ok(sampleOf('process_cpu_seconds_total') > 0)
  })

  test('is for those who may', async () => {
    await using server = await startTestServer()
    const session = server.connectAs(await server.authority.sign('bob'))
    for (const path of ['/metrics', '/'])
      assert.equal((await server.request('GET', path, { session })).code, 403)
    session.close()
  })
})

// apiserver server/routes/index.go; server/handler.go ListedPaths(): sorted
suite('/', () => {
  test('lists paths, each of which is there', async () => {
    await using server = await startTestServer()
    const { code, headers, body } = await server.request('GET', '/')
    assert.deepEqual([code, headers['content-type']], [200, 'application/json'])
    assert.deepEqual(Object.keys(body), ['paths'])
    assert.deepEqual(body.paths, body.paths.toSorted())
    for (const path of ['/api', '/api/v1', '/apis', '/apis/apps/v1', '/healthz', '/metrics'])
      assert.ok(body.paths.includes(path), path)
    for (const path of body.paths) assert.equal((await server.request('GET', path)).code, 200, path)
  })
})
