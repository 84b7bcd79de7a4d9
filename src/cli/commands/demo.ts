import { planAddresses } from '#cluster/address-plan.ts'
import { defaults } from '#cluster/options.ts'
import { adminAPI } from '#cluster/status.ts'
import { bringUp } from '#cluster/up.ts'
import { clusterNamed, oneOf, parseFlags } from '../arguments.ts'
import { externalAccessRows } from '../demo/external-access.ts'
import { Lab } from '../demo/lab.ts'
import { nodeNetworkRows } from '../demo/node-network.ts'
import { podNetworkRows } from '../demo/pod-network.ts'
import { prepareExamples } from '../demo/prepare-examples.ts'
import { createRowPrinter } from '../demo/print-rows.ts'
import { inURL, type Outcome, type Row } from '../demo/row.ts'
import { serviceNetworkRows } from '../demo/service-network.ts'
import { abortOnInterrupt } from '../interrupt.ts'
import { createProgress } from '../output/progress.ts'
import { requireRoot } from '../require-root.ts'

export async function run(args: readonly string[]): Promise<number> {
  const { values } = parseFlags('demo', args, { output: { type: 'string', short: 'o' } })
  const output = oneOf('-o', values.output, ['json', 'wide'])
  const { name } = clusterNamed(values.name)
  requireRoot('demo')
  using progress = createProgress()
  const { layout, state } = await bringUpInterruptibly(name, progress.step)
  const plan = planAddresses(state.options)
  if (plan.nodes.length < 2)
    throw new Error(
      `Cannot show the pod network: cluster ${name} has one node (\`fairlead down --name ${name}\`, then \`fairlead up --name ${name}\`)`,
    )
  await using api = adminAPI(layout, state)
  const lab = new Lab(layout, api, plan, state.options)
  await prepareExamples(lab, progress.step)
  progress.done(`Cluster ${name} is up and runs the sample application`)

  const rows = [
    ...nodeNetworkRows,
    ...podNetworkRows,
    ...serviceNetworkRows,
    ...externalAccessRows(plan.nodes),
  ]
  const printer = createRowPrinter(rows, output)
  const failed: Row[] = []
  for (const row of rows) {
    const outcome = await row.ask(lab).catch(unanswered)
    if (!outcome.asPromised) failed.push(row)
    printer.print(row, outcome)
  }
  printer.end()
  if (output !== 'json') process.stdout.write(closing(name, plan.nodes[0]!.ip, rows.length, failed))
  return failed.length === 0 ? 0 : 1
}

async function bringUpInterruptibly(name: string, progress: (step: string) => void) {
  using interrupt = abortOnInterrupt()
  return await bringUp({ name }, { progress, signal: interrupt.signal, env: process.env })
}

function unanswered(error: unknown): Outcome {
  return {
    asPromised: false,
    answered: 'could not ask',
    how: error instanceof Error ? error.message : String(error),
    milliseconds: 0,
  }
}

function closing(name: string, nodeIP: string, rows: number, failed: readonly Row[]): string {
  const flag = name === defaults.name ? '' : ` --name ${name}`
  const verdict =
    failed.length === 0
      ? `All ${rows} went as Kubernetes promises.`
      : `${failed.length} of ${rows} did not go as Kubernetes promises: ${failed.map(({ request }) => request).join('; ')}.`
  return `
${verdict} The cluster keeps running. Try:
  kubectl --context fairlead-${name} get pods,services,endpointslices,ingress -o wide
  kubectl --context fairlead-${name} scale deployment app1 --replicas 5
  fairlead exec pod/default/client${flag} -- curl -s http://app1:8080/
  fairlead exec outside${flag} -- curl -s http://${inURL(nodeIP)}:30062/
  fairlead exec node/node1${flag} -- nft list ruleset
  fairlead exec node/node1${flag} -- ip route
  fairlead down${flag}
`
}
