import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseEchoPorts } from './echo-ports.ts'

// The image's own promise, written in echo.ts.
suite('parseEchoPorts()', () => {
  const cases = [
    { name: 'defaults', args: [], env: {}, want: { http: [8080], tcp: [8081], udp: [8082] } },
    {
      name: 'an environment',
      args: [],
      env: { ECHO_HTTP_PORTS: '80,443' },
      want: { http: [80, 443], tcp: [8081], udp: [8082] },
    },
    {
      name: 'arguments over it',
      args: ['--http=3306', '--udp='],
      env: { ECHO_HTTP_PORTS: '80' },
      want: { http: [3306], tcp: [8081], udp: [] },
    },
  ]
  for (const { name, args, env, want } of cases)
    test(name, () => assert.deepEqual(parseEchoPorts(args, env), want))
  for (const argument of ['--http=0', '--http=65536', '--http=x', '--https=1', 'http=1'])
    test(`refuses ${argument}`, () =>
      assert.throws(() => parseEchoPorts([argument], {}), RangeError))
})
