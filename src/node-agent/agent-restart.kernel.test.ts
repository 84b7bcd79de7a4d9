import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { suite, test } from 'node:test'
import * as resources from '#api/resources.ts'
import { openNetns } from '#kernel/netns/netns.ts'
import { processesIn } from '#kernel/process/process.ts'
import { waitFor } from '#testing/wait-for.ts'
import { createTestNode, echo, leftovers, sh, type TestNode } from './testing/test-node.ts'

/** Longer than what is to end by itself takes on any machine. */
const GRACE_SECONDS = 60

suite('the pods of a node agent', () => {
  test('is killed, its pods run on, and the next agent takes them over', async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('stays', echo)
    await node.createPod('goes', sh('exec sleep infinity'))
    await node.createPod('falls', { ...sh('sleep 1; exit 4') }, { restartPolicy: 'Never' })
    const before = await node.ready('stays')
    await node.ready('goes')
    await node.ready('falls')
    await node.killAgent()
    const ip = before.status?.podIP
    assert.equal(JSON.parse(node.run('curl', '-s', `http://${ip}:8080/`)).pod, 'stays')
    await node.api.delete(
      resources.pods,
      { name: 'goes', namespace: 'default' },
      { gracePeriodSeconds: 0 },
    )
    await waitFor(() => isExited(node, 'falls'), { what: 'falls to end without an agent' })
    const writes = node.api.requests.length
    node.startAgent()
    await waitFor(async () => (await node.pod('falls'))?.status?.phase === 'Failed', {
      what: 'the exit to be seen',
    })
    assert.equal(
      (await node.pod('falls'))?.status?.containerStatuses?.[0]?.state?.terminated?.exitCode,
      4,
    )
    const after = await node.ready('stays')
    assert.equal(after.status?.podIP, ip)
    assert.deepEqual(after.status?.containerStatuses, before.status?.containerStatuses)
    // It never became unready in between: nobody wrote its status.
    assert.ok(!node.api.requests.slice(writes).includes('patch pods default/stays'))
    await waitFor(() => !leftovers(node.lab).some((path) => path.includes('uid-2')), {
      what: 'the deleted pod to be cleaned up',
    })
  })

  // Until it is told, proxies send to it: 62 UDP queries were lost so while a DNS pod was replaced.
  test('what ended while no agent ran is told at once, before the pod network is there', async () => {
    await using node = createTestNode()
    node.startAgent()
    const { metadata } = await node.createPod('ends', echo)
    await node.ready('ends')
    await node.killAgent()
    const folder = `${node.lab.folder}/root/pods/${metadata.uid}/containers/main/0`
    process.kill(Number(readFileSync(`${folder}/started`, 'utf8').split(' ')[0]), 'SIGKILL')
    await waitFor(() => isExited(node, 'ends'), { what: 'it to end without an agent' })
    node.startAgent(undefined, 'late')
    const status = await waitFor(
      async () => {
        const { status } = (await node.pod('ends'))!
        return status?.conditions?.find(({ type }) => type === 'Ready')?.status === 'False'
          ? status
          : undefined
      },
      { what: 'it to be told' },
    )
    // 128 and SIGKILL's number.
    assert.equal(status.containerStatuses?.[0]?.state?.terminated?.exitCode, 137)
    await node.killAgent()
    node.startAgent()
    await waitFor(
      async () => (await node.pod('ends'))?.status?.containerStatuses?.[0]?.restartCount === 1,
      { what: 'it to be started anew' },
    )
  })

  test('a container whose parent was killed is seen to end all the same', async () => {
    await using node = createTestNode()
    node.startAgent()
    const { metadata } = await node.createPod('orphan', echo)
    await node.ready('orphan')
    const folder = `${node.lab.folder}/root/pods/${metadata.uid}/containers/main/0`
    const pidIn = (file: string) => Number(readFileSync(`${folder}/${file}`, 'utf8').split(' ')[0])
    await node.killAgent()
    process.kill(pidIn('recorder'), 'SIGKILL')
    node.startAgent()
    await node.ready('orphan')
    process.kill(pidIn('started'), 'SIGKILL')
    await waitFor(
      async () => (await node.pod('orphan'))?.status?.containerStatuses?.[0]?.restartCount === 1,
      // The agent's rounds are ten seconds apart.
      { what: 'it to be started anew' },
    )
  })

  test('asks a pod to stop, lets it serve on, and leaves nothing of it', async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('web', echo)
    const { status, metadata } = await node.ready('web')
    using netns = openNetns(`${node.lab.folder}/run/pods/${metadata.uid}/netns`)
    assert.equal(processesIn(netns.inode).length, 3) // the sandbox's holder, the container's parent, the container
    const started = performance.now()
    const gone = node.delete('web', GRACE_SECONDS)
    await waitFor(
      async () => (await node.events('web')).includes('Killing: Stopping container main'),
      { what: 'the event' },
    )
    assert.equal(JSON.parse(node.run('curl', '-s', `http://${status?.podIP}:8080/`)).pod, 'web')
    await gone
    const took = performance.now() - started
    // By itself, as its handler of SIGTERM says: not killed when its time was over.
    assert.ok(took > 2900 && took < GRACE_SECONDS * 1000, `stopped after ${took} ms`)
    assert.deepEqual(leftovers(node.lab), [])
    assert.deepEqual(processesIn(netns.inode), [])
    assert.equal(node.run('ip', '-o', 'link', 'show', 'type', 'veth'), '')
  })

  test('kills a container that does not stop, after its grace period', async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('deaf', sh("trap '' TERM; while :; do sleep 1; done"))
    await node.ready('deaf')
    const started = performance.now()
    await node.delete('deaf', 2)
    const took = performance.now() - started
    assert.ok(took > 1900 && took < 30_000, `stopped after ${took} ms`)
  })

  test('makes a new sandbox for a pod whose sandbox was killed', async () => {
    await using node = createTestNode()
    node.startAgent()
    const { metadata } = await node.createPod('boxed', echo)
    await node.ready('boxed')
    const sandbox = readFileSync(
      `${node.lab.folder}/root/pods/${metadata.uid}/sandbox.json`,
      'utf8',
    )
    process.kill(JSON.parse(sandbox).pause.pid, 'SIGKILL')
    await waitFor(
      async () => (await node.pod('boxed'))?.status?.containerStatuses?.[0]?.restartCount === 1,
      { what: 'the container to be started anew' },
    )
    const { status } = await node.ready('boxed')
    assert.equal(JSON.parse(node.run('curl', '-s', `http://${status?.podIP}:8080/`)).pod, 'boxed')
    const events = await node.events('boxed')
    assert.ok(
      events.includes('SandboxChanged: Pod sandbox changed, it will be killed and re-created.'),
    )
  })

  test('stops when it is asked to, and leaves its pods running', async () => {
    await using node = createTestNode()
    node.startAgent()
    await node.createPod('stays', echo)
    const { status } = await node.ready('stays')
    await node.stopAgent()
    assert.equal(JSON.parse(node.run('curl', '-s', `http://${status?.podIP}:8080/`)).pod, 'stays')
    node.startAgent() // which cleans up
    await node.ready('stays')
  })
})

async function isExited(node: TestNode, name: string): Promise<boolean> {
  const uid = (await node.pod(name))?.metadata.uid
  return readFileSync(`${node.lab.folder}/root/pods/${uid}/containers/main/0/exit`, 'utf8') !== ''
}
