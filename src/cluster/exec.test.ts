import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseExecTarget } from './exec.ts'

// The forms: design.md, "The CLI".
suite('parseExecTarget()', () => {
  const cases = [
    { text: 'node/node1', want: { kind: 'node', name: 'node1' } },
    {
      text: 'pod/kube-system/dns-1',
      want: { kind: 'pod', namespace: 'kube-system', name: 'dns-1' },
    },
    { text: 'pod/client', want: { kind: 'pod', namespace: 'default', name: 'client' } },
    { text: 'pod/default/a.b', want: { kind: 'pod', namespace: 'default', name: 'a.b' } },
    { text: 'outside', want: { kind: 'outside' } },
    ...['', 'node', 'node/', 'pod/', 'pod//x', 'pod/a/b/c', 'outside/x', 'outside/', 'host'].map(
      (text) => ({ text, want: undefined }),
    ),
    ...['node/..', 'node/.', 'pod/../x', 'pod/x/..', 'node/A', 'node/a b'].map((text) => ({
      text,
      want: undefined,
    })),
  ]
  for (const { text, want } of cases) {
    test(JSON.stringify(text), () => assert.deepEqual(parseExecTarget(text), want))
  }
})
