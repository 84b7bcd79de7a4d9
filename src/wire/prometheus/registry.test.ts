import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { createRegistry } from './registry.ts'

// Source of all expected lines: prometheus/docs, instrumenting/exposition_formats.md.
suite('createRegistry()', () => {
  test('renders counters and gauges with labels, sorted', () => {
    const registry = createRegistry()
    const counter = registry.counter('http_requests_total', 'The total number of HTTP requests.')
    counter.add({ method: 'post', code: '200' }, 1027)
    counter.add({ method: 'post', code: '400' })
    counter.add({ method: 'post', code: '400' }, 2)
    registry.gauge('something_weird', 'A gauge').set(-Infinity)
    assert.equal(
      registry.render(),
      `# HELP http_requests_total The total number of HTTP requests.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027
http_requests_total{method="post",code="400"} 3
# HELP something_weird A gauge
# TYPE something_weird gauge
something_weird -Inf
`,
    )
  })

  test('escapes label values and help', () => {
    const registry = createRegistry()
    registry.gauge('g', 'a\\b\nc').set(1, { path: 'C:\\DIR\n"x"' })
    assert.equal(
      registry.render(),
      '# HELP g a\\\\b\\nc\n# TYPE g gauge\ng{path="C:\\\\DIR\\n\\"x\\""} 1\n',
    )
  })

  test('counts in cumulative buckets', () => {
    const registry = createRegistry()
    const histogram = registry.histogram('d_seconds', 'A histogram', [0.05, 0.1])
    for (const value of [0.01, 0.05, 0.07, 3]) histogram.observe(value, { family: 'IPv4' })
    assert.equal(
      registry.render(),
      `# HELP d_seconds A histogram
# TYPE d_seconds histogram
d_seconds_bucket{family="IPv4",le="0.05"} 2
d_seconds_bucket{family="IPv4",le="0.1"} 3
d_seconds_bucket{family="IPv4",le="+Inf"} 4
d_seconds_sum{family="IPv4"} 3.13
d_seconds_count{family="IPv4"} 4
`,
    )
  })

  test('does not grow without end', () => {
    const registry = createRegistry()
    const counter = registry.counter('c', 'C')
    for (let index = 0; index < 6000; index++) counter.add({ id: String(index) })
    assert.equal(registry.render().split('\n').length, 5000 + 3)
  })
})
