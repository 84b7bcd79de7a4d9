import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Pod } from '#api/core.ts'
import { containerFieldPath, eventsOf } from './container-events.ts'

const pod: Pod = {
  metadata: { name: 'web', namespace: 'default' },
  spec: { initContainers: [{ name: 'setup' }], containers: [{ name: 'main' }] },
}

// Texts: pkg/kubelet/container/ref.go, as `kubectl get events -o wide` shows them under SUBOBJECT.
suite('the part of a pod that an event is about', () => {
  test('is a container', () => {
    assert.equal(containerFieldPath(pod, 'main'), 'spec.containers{main}')
  })

  test('is an init container', () => {
    assert.equal(containerFieldPath(pod, 'setup'), 'spec.initContainers{setup}')
  })

  test('goes with the event', () => {
    const said: unknown[] = []
    const say = eventsOf({ event: (_, ...rest) => said.push(rest) }, pod, 'main')
    say('Normal', 'Started', 'Started container main')
    assert.deepEqual(said, [
      ['Normal', 'Started', 'Started container main', 'spec.containers{main}'],
    ])
  })
})
