import { resolve } from 'node:path'
import type { Lab } from './lab.ts'

const examples = resolve(import.meta.dirname, '../../../examples')
const WAIT = '--timeout=180s'

/** Applies examples/ with the real kubectl and waits until all of it serves. @throws with kubectl's own words */
export async function prepareExamples(lab: Lab, progress: (step: string) => void): Promise<void> {
  progress('kubectl apply -f examples/')
  await must(lab, ['apply', '-f', examples])
  progress('waiting for the sample application')
  await must(lab, ['wait', '--for=condition=Available', 'deployment', '--all', WAIT])
  await must(lab, ['wait', '--for=condition=Ready', 'pod', 'client', WAIT])
  progress('waiting for Ingress and the load balancer')
  await must(lab, [
    'wait',
    '-n',
    'kube-system',
    '--for=condition=Available',
    'deployment',
    '--all',
    WAIT,
  ])
  for (const [namespace, service] of [
    ['default', 'app1-public'],
    ['kube-system', 'ingress-nginx-controller'],
  ] as const) {
    await must(lab, [
      'wait',
      '-n',
      namespace,
      '--for=jsonpath={.status.loadBalancer.ingress[0].ip}',
      'service',
      service,
      WAIT,
    ])
  }
  await must(lab, [
    'wait',
    '--for=jsonpath={.status.loadBalancer.ingress[0].ip}',
    'ingress',
    'app1',
    WAIT,
  ])
}

async function must(lab: Lab, args: readonly string[]): Promise<void> {
  const { status, stdout, stderr } = await lab.kubectl(args)
  if (status !== 0)
    throw new Error(
      `Cannot prepare the demo: \`kubectl ${args.join(' ')}\` said: ${(stderr || stdout).trim()}`,
    )
}
