import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { eventually, fairleadCommand, startCluster, type TestCluster } from './support/cluster.ts'

const RESTARTS = 'jsonpath={.status.containerStatuses[0].restartCount}'
const TOOLS = '--image=fairlead.dev/tools'

// The promise: exec, attach, cp, port-forward, logs, debug and the proxies work with the real kubectl, by WebSocket and by SPDY.
suite('The real kubectl', () => {
  let cluster: TestCluster
  before(() => {
    cluster = startCluster('streams', ['--nodes', '2'])
    kubectl('run', 'web', '--image=fairlead.dev/echo', '--port=8080', '--expose')
    kubectl('run', 'box', TOOLS)
    kubectl('wait', '--for=condition=Ready', 'pod/web', 'pod/box', '--timeout=180s')
  })
  after(() => cluster[Symbol.dispose]())

  const run = (args: readonly string[], input = '') => cluster.kubectl(args, input)
  const kubectl = (...args: string[]) => {
    const result = run(args)
    assert.equal(result.status, 0, `kubectl ${args.join(' ')}: ${result.stderr}`)
    return result.stdout
  }
  /** A kubectl that runs on; ended by the test. */
  const start = (args: readonly string[], env: NodeJS.ProcessEnv = {}): Running => {
    const all = ['kubectl', '--name', cluster.name, '--', ...args]
    return follow(spawn(fairleadCommand, all, { env: { ...cluster.home.env, ...env } }))
  }

  for (const [wire, isOn] of [
    ['WebSocket', 'true'],
    ['SPDY/3.1', 'false'],
  ] as const) {
    suite(`by ${wire}`, () => {
      before(() => {
        process.env.KUBECTL_REMOTE_COMMAND_WEBSOCKETS = isOn
        process.env.KUBECTL_PORT_FORWARD_WEBSOCKETS = isOn
        Object.assign(cluster.home.env, {
          KUBECTL_REMOTE_COMMAND_WEBSOCKETS: isOn,
          KUBECTL_PORT_FORWARD_WEBSOCKETS: isOn,
        })
      })

      test('runs a command in a container: both outputs, and its exit status', () => {
        const result = run(['exec', 'box', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3'])
        assert.deepEqual([result.status, result.stdout], [3, 'out\n'])
        // kubectl 1.32 may not know its streams yet when the server's empty first message comes, and says so (client-go, readDemuxLoop).
        const stderr = result.stderr.replace(/^E.*Unknown stream id 1, discarding message\n/, '')
        assert.match(stderr, /^err\n/)
        assert.match(stderr, /command terminated with exit code 3/)
      })

      // The URL holds it: net/http takes heads of up to 1 MiB (DefaultMaxHeaderBytes).
      test('takes a script of 100 kB as its command', () => {
        const script = `echo done # ${'x'.repeat(100_000)}`
        assert.equal(kubectl('exec', 'box', '--', 'sh', '-c', script), 'done\n')
      })

      // As a cluster of kind or k3s says it (containerd, runc).
      test('says that the container has no such program', () => {
        const result = run(['exec', 'box', '--', 'nope'])
        assert.deepEqual([result.status, result.stdout], [1, ''])
        assert.match(
          result.stderr,
          /^error: Internal error occurred: error executing command in container: failed to exec in container: failed to start exec "[0-9a-f]{64}": OCI runtime exec failed: exec failed: unable to start container process: exec: "nope": executable file not found in \$PATH: unknown$/m,
        )
      })

      test('runs it where the container is, with what the container has', () => {
        assert.equal(kubectl('exec', 'box', '--', 'hostname').trim(), 'box')
        const processes = kubectl('exec', 'box', '--', 'ps', '-o', 'pid=,args=', '1')
        assert.match(processes, /^ *1 sh -c trap/)
      })

      test('pipes a megabyte in and out unchanged', async () => {
        const bytes = randomBytes(1_000_000)
        const cat = start(['exec', '-i', 'box', '--', 'cat'])
        cat.child.stdin?.end(bytes)
        assert.equal(await cat.ended, 0)
        assert.ok(cat.bytes().equals(bytes))
      })

      test('gives it a terminal of the right size', async () => {
        // The shell waits, since the size comes right behind the start.
        const inside = 'sleep 0.5; tty; stty size; exit 5'
        const command = `stty rows 33 cols 91; exec ${fairleadCommand} kubectl --name ${cluster.name} -- exec -it box -- sh -c '${inside}'`
        const terminal = follow(
          spawn('script', ['-qec', command, '/dev/null'], { env: cluster.home.env }),
        )
        assert.equal(await terminal.ended, 5)
        assert.match(terminal.text(), /\/dev\/pts\/0\r\n33 91\r\n/)
      })

      test('ends a command whose client has gone', async () => {
        const sleep = start(['exec', '-i', 'box', '--', 'sleep', '54321'])
        const count = () => run(['exec', 'box', '--', 'pgrep', '-xc', 'sleep']).stdout.trim()
        const others = 1 // what the image itself does
        await eventually('the command to run', () => Number(count()) === others + 1)
        killTree(sleep.child)
        await eventually('the command to be ended', () => Number(count()) === others)
      })

      test('forwards several connections at once, and their ends', async () => {
        const port = await freePort()
        const forward = start(['port-forward', 'service/web', `${port}:8080`])
        try {
          await eventually('the forwarding', () => forward.text().includes('Forwarding from'))
          const answers = await Promise.all(Array.from({ length: 5 }, () => getHalfClosed(port)))
          for (const answer of answers) assert.match(answer, /"pod":"web"/)
        } finally {
          killTree(forward.child)
        }
      })

      test('copies a folder there and back', () => {
        const here = join(cluster.home.folder, `cp-${isOn}`)
        mkdirSync(join(here, 'sub'), { recursive: true })
        const bytes = randomBytes(300_000)
        writeFileSync(join(here, 'a'), 'one\n')
        writeFileSync(join(here, 'sub/b'), bytes)
        kubectl('cp', here, `box:/tmp/up-${isOn}`)
        kubectl('cp', `box:/tmp/up-${isOn}`, `${here}-back`)
        assert.equal(readFileSync(`${here}-back/a`, 'utf8'), 'one\n')
        assert.ok(readFileSync(`${here}-back/sub/b`).equals(bytes))
      })

      test('runs a pod for one command, which it removes', async () => {
        const name = `once-${isOn}`
        const once = start(['run', name, '--rm', '-i', TOOLS, '--restart=Never', '--', 'cat'])
        once.child.stdin?.end('through\n')
        assert.equal(await once.ended, 0)
        assert.match(once.text(), /^through\n/)
        assert.equal(run(['get', 'pod', name]).status, 1)
      })
    })
  }

  test('attaches to the program of a container, again and again', async () => {
    const script = 'while read -r line; do echo "got $line"; done'
    const container = {
      name: 'c',
      image: 'fairlead.dev/tools',
      stdin: true,
      command: ['sh', '-c', script],
    }
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'loop' },
      spec: { containers: [container] },
    }
    assert.equal(run(['apply', '-f', '-'], JSON.stringify(pod)).status, 0)
    kubectl('wait', '--for=condition=Ready', 'pod/loop', '--timeout=180s')
    for (const word of ['first', 'second']) {
      const attach = start(['attach', '-i', 'loop'])
      await eventually(`${word} to come back`, () => {
        attach.child.stdin?.write(`${word}\n`)
        return attach.text().includes(`got ${word}`)
      })
      killTree(attach.child)
    }
    assert.equal(kubectl('get', 'pod', 'loop', '-o', 'jsonpath={.status.phase}'), 'Running')
  })

  test('shows logs: all, the last, since, with times, of the attempt before, and as they come', async () => {
    const script = 'for i in 1 2 3 4; do echo line $i; done; printf part; sleep 1; echo " whole"'
    kubectl('run', 'talk', TOOLS, '--restart=Never', '--labels=app=talk', '--', 'sh', '-c', script)
    kubectl(
      'wait',
      '--for=jsonpath={.status.containerStatuses[0].started}=true',
      'pod/talk',
      '--timeout=180s',
    )
    assert.equal(kubectl('logs', '-f', 'talk'), 'line 1\nline 2\nline 3\nline 4\npart whole\n')
    assert.equal(kubectl('logs', 'talk', '--tail=2'), 'line 4\npart whole\n')
    assert.equal(kubectl('logs', '-l', 'app=talk', '--tail=1'), 'part whole\n')
    assert.equal(kubectl('logs', 'talk', '--limit-bytes=8'), 'line 1\nl')
    assert.equal(kubectl('logs', 'talk', '--since-time=2099-01-01T00:00:00Z'), '')
    assert.match(
      kubectl('logs', 'talk', '--timestamps', '--tail=1'),
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z part whole\n$/,
    )
    kubectl('run', 'again', TOOLS, '--', 'sh', '-c', 'echo once; [ -e /proc/1/x ] || exit 1')
    await eventually('a restart', () => run(['logs', '-p', 'again']).stdout === 'once\n')
  })

  test('lets one look into a container with another', async () => {
    const debug = start(['debug', '-i', 'web', TOOLS, '--target=web', '-c', 'look', '--', 'cat'])
    await eventually('the container to run', () => {
      const path = 'jsonpath={.status.ephemeralContainerStatuses[0].state.running.startedAt}'
      return run(['get', 'pod', 'web', '-o', path]).stdout !== ''
    })
    assert.match(kubectl('exec', 'web', '-c', 'look', '--', 'ps', '-o', 'args=', '1'), /echo\.ts/)
    const patch = JSON.stringify({ spec: { ephemeralContainers: [{ name: 'look', image: 'x' }] } })
    const refused = run(['patch', 'pod', 'web', '--subresource=ephemeralcontainers', '-p', patch])
    assert.match(refused.stderr, /existing ephemeral containers "look" may not be changed/)
    killTree(debug.child)
  })

  test('gives terminals, tokens and volumes to the user and group of a pod', async () => {
    const user = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'user' },
      spec: {
        securityContext: { runAsUser: 1000, runAsGroup: 1000, fsGroup: 2000 },
        containers: [
          {
            name: 'c',
            image: 'fairlead.dev/tools',
            command: ['sh', '-c', 'echo done >/dev/termination-log; exec sleep infinity'],
            resources: { limits: { cpu: '1500m' } },
            env: [{ name: 'CPUS', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } }],
            volumeMounts: [{ name: 'data', mountPath: '/data' }],
          },
        ],
        volumes: [{ name: 'data', emptyDir: {} }],
      },
    }
    assert.equal(run(['apply', '-f', '-'], JSON.stringify(user)).status, 0)
    kubectl('wait', '--for=condition=Ready', 'pod/user', '--timeout=180s')
    const token = '/var/run/secrets/kubernetes.io/serviceaccount/token'
    const script = `id -u; id -G; echo $CPUS; stat -Lc '%a %u:%g' ${token} /data; cat ${token} | wc -l; touch /data/x && stat -c %g /data/x; cat /dev/termination-log`
    // kubernetes pkg/volume/util (FsUserFrom, SetVolumeOwnership), pkg/api/v1/resource (rounded up)
    assert.equal(
      kubectl('exec', 'user', '--', 'sh', '-c', script),
      '1000\n1000 2000\n2\n640 1000:2000\n2777 0:2000\n0\n2000\ndone\n',
    )
    const inside = 'echo opened >$(tty); stat -c %u $(tty)'
    const command = `exec ${fairleadCommand} kubectl --name ${cluster.name} -- exec -it user -- sh -c '${inside}'`
    const terminal = follow(
      spawn('script', ['-qec', command, '/dev/null'], { env: cluster.home.env }),
    )
    assert.equal(await terminal.ended, 0)
    assert.match(terminal.text(), /opened\r\n1000\r\n/)
  })

  test('leaves no command running when the agent is killed under it', async () => {
    const node = kubectl('get', 'pod', 'box', '-o', 'jsonpath={.spec.nodeName}')
    const script = 'trap "" HUP; sleep 43210 & sleep 43210'
    const left = start(['exec', '-i', 'box', '--', 'sh', '-c', script])
    const count = () => run(['exec', 'box', '--', 'pgrep', '-fc', '^sleep 43210$']).stdout.trim()
    await eventually('the commands to run', () => count() === '2')
    process.kill(pidOf(cluster, 'node-agent', node), 'SIGKILL')
    await left.ended
    assert.equal(cluster.fairlead(['up']).status, 0)
    await eventually('the commands to be ended', () => count() === '0')
    assert.equal(kubectl('get', 'pod', 'box', '-o', RESTARTS), '0')
  })

  test('reaches pods, services and nodes through the API server, and nothing else', () => {
    const raw = (path: string) => run(['get', '--raw', `/api/v1/${path}`])
    const services = 'namespaces/default/services'
    for (const path of [
      `${services}/web/proxy/x?y=1`,
      `${services}/http:web:8080/proxy/x?y=1`,
      'namespaces/default/pods/web:8080/proxy/x?y=1',
    ])
      assert.equal(JSON.parse(raw(path).stdout).path, '/x?y=1', path)
    assert.equal(raw('nodes/node1/proxy/healthz').stdout, 'ok')
    assert.match(
      raw(`${services}/web:9/proxy/`).stderr,
      /no service port 9 found for service "web"/,
    )

    const endpoints = (address: string) => ({
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'forged' },
      subsets: [
        {
          addresses: [
            { ip: address, targetRef: { kind: 'Pod', namespace: 'default', name: 'web' } },
          ],
          ports: [{ port: 6443 }],
        },
      ],
    })
    kubectl('create', 'service', 'clusterip', 'forged', '--tcp=6443', '--dry-run=client')
    const service = {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: 'forged' },
      spec: { ports: [{ port: 6443 }] },
    }
    assert.equal(run(['apply', '-f', '-'], JSON.stringify(service)).status, 0)
    for (const address of ['172.30.0.2', '8.8.8.8']) {
      assert.equal(run(['apply', '-f', '-'], JSON.stringify(endpoints(address))).status, 0)
      assert.match(
        raw(`${services}/forged/proxy/`).stderr,
        /no endpoints available for service "forged"/,
      )
    }
  })
})

function pidOf(cluster: TestCluster, component: string, node: string): number {
  const { components } = JSON.parse(cluster.fairlead(['status', '-o', 'json']).stdout)
  return components.find(
    (each: { component: string; node?: string }) =>
      each.component === component && each.node === node,
  ).pid
}

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<number>
  bytes(): Buffer
  text(): string
}

function follow(child: ChildProcess): Running {
  const chunks: Buffer[] = []
  child.stdout?.on('data', (chunk: Buffer) => chunks.push(chunk))
  child.stdin?.on('error', () => {})
  const { promise, resolve } = Promise.withResolvers<number>()
  child.once('close', (code) => resolve(code ?? 128))
  const bytes = () => Buffer.concat(chunks)
  return { child, ended: promise, bytes, text: () => bytes().toString() }
}

/** The launcher passes on how kubectl ends, not how it is ended: its children are ended first. */
function killTree({ pid }: ChildProcess): void {
  if (pid === undefined) return
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')
  for (const child of children.filter(Boolean)) process.kill(Number(child), 'SIGKILL')
  process.kill(pid, 'SIGKILL')
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as import('node:net').AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Sends a request and ends its half: the answer still comes. */
function getHalfClosed(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>()
  const socket = connect({ host: '127.0.0.1', port, allowHalfOpen: true })
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.once('end', () => resolve(text))
  socket.once('error', reject)
  socket.end('GET / HTTP/1.0\r\nHost: web\r\n\r\n')
  return promise
}
