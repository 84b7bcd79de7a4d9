import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import fc from 'fast-check'
import { expandWords, parseCommandLine, runCommandLine } from './run-command-line.ts'

const env = { SUBNET: '10.1.0.0/24', PUBLIC_IP: '$(reboot); `x` "y"', EMPTY: '' }

suite('a command of the extension backend', () => {
  const rows = [
    // Documentation/extension.md of flannel
    {
      name: "flannel's own example",
      text: 'ip route add "$SUBNET" via "$PUBLIC_IP"',
      want: ['ip', 'route', 'add', '10.1.0.0/24', 'via', '$(reboot); `x` "y"'],
    },
    // pkg/backend/extension/extension.go: words between blanks, os.Expand
    {
      name: 'without quotes',
      text: `  ip\troute add \${SUBNET}  dev eth0 `,
      want: ['ip', 'route', 'add', '10.1.0.0/24', 'dev', 'eth0'],
    },
    { name: 'parts of a word', text: `a"$SUBNET"'$SUBNET'-b`, want: ['a10.1.0.0/24$SUBNET-b'] },
    { name: 'what is not set', text: 'x $NOTHING "$EMPTY" $', want: ['x', '', '', '$'] },
  ]
  for (const { name, text, want } of rows)
    test(name, () => assert.deepEqual(expandWords(parseCommandLine(text), env), want))

  test('a quote that is not closed, and nothing at all', () => {
    assert.throws(() => parseCommandLine('echo "x'), { message: 'a quote is not closed' })
    assert.throws(() => parseCommandLine(' '), { message: 'it is empty' })
  })

  test('whatever a value is, it stays within its word', () => {
    const command = parseCommandLine('add $SUBNET via "$PUBLIC_IP" x')
    fc.assert(
      fc.property(fc.string(), fc.string(), (SUBNET, PUBLIC_IP) =>
        assert.deepEqual(expandWords(command, { SUBNET, PUBLIC_IP }), [
          ...['add', SUBNET, 'via', PUBLIC_IP, 'x'],
        ]),
      ),
    )
  })

  test('gets its input, and is told both of its outputs', async () => {
    const echo = parseCommandLine(`sh -c 'cat; echo "$SUBNET" >&2'`)
    assert.equal(await runCommandLine(echo, { env, input: 'in' }), 'in\n10.1.0.0/24')
  })

  // extension.go: "failed to run command: %s Err: %v Output: %s"
  for (const { name, text, why } of [
    {
      name: 'that fails',
      text: `sh -c 'echo no; exit 3'`,
      why: `failed to run command: sh -c 'echo no; exit 3' Err: exit status 3 Output: no`,
    },
    {
      name: 'that there is not',
      text: 'no-such-program',
      why: 'failed to run command: no-such-program Err: exec: "no-such-program": executable file not found in $PATH Output: ',
    },
  ]) {
    test(name, () =>
      assert.rejects(runCommandLine(parseCommandLine(text), { env, input: '' }), { message: why }),
    )
  }
})
