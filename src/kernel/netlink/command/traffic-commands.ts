import { KernelError } from '../../kernel-error.ts'
import { describeRule } from '../describe.ts'
import type { IngressRedirect, Qdisc, Rtnetlink } from '../model.ts'
import { deleteUnlessMissing } from '../unless-missing.ts'
import type { Run } from './command-rtnetlink.ts'
import { ruleArgv } from './entry-argv.ts'
import { parseRules } from './parse-entries.ts'

export function ruleCommands(run: Run): Pick<Rtnetlink, 'rules' | 'addRule' | 'deleteRule'> {
  return {
    rules: () =>
      ([4, 6] as const).flatMap((family) =>
        parseRules(run('list rules', ['ip', '-j', '-N', `-${family}`, 'rule', 'show']), family),
      ),
    addRule: (rule) => void run(`add ${describeRule(rule)}`, ruleArgv('add', rule)),
    deleteRule: (rule) =>
      deleteUnlessMissing(['ENOENT'], () =>
        run(`delete ${describeRule(rule)}`, ruleArgv('del', rule)),
      ),
  }
}

export function trafficControlCommands(
  run: Run,
): Pick<
  Rtnetlink,
  'qdiscs' | 'addQdisc' | 'deleteQdisc' | 'ingressRedirects' | 'addIngressRedirect'
> {
  return {
    qdiscs: () => parseQdiscs(run('list qdiscs', ['tc', '-j', 'qdisc', 'show'])),
    addQdisc(qdisc) {
      const op = `add ${qdisc.kind} qdisc to ${qdisc.device}`
      run(op, ['tc', 'qdisc', 'add', 'dev', qdisc.device, ...qdiscArgv(qdisc, op)])
    },
    deleteQdisc: ({ device, kind }) =>
      deleteUnlessMissing(['ENOENT', 'EINVAL'], () =>
        run(`delete ${kind} qdisc of ${device}`, ['tc', 'qdisc', 'del', 'dev', device, kind]),
      ),
    ingressRedirects: (device) =>
      parseRedirects(
        run(`list filters of ${device}`, ['tc', '-j', 'filter', 'show', 'dev', device, 'ingress']),
        device,
      ),
    addIngressRedirect({ device, target }) {
      const op = `redirect what comes in by ${device} to ${target}`
      const filter = ['parent', 'ffff:', 'protocol', 'all', 'prio', '1', 'u32']
      const match = ['match', 'u32', '0', '0', 'flowid', '1:1']
      const action = ['action', 'mirred', 'egress', 'redirect', 'dev', target]
      run(op, ['tc', 'filter', 'add', 'dev', device, ...filter, ...match, ...action])
    },
  }
}

function qdiscArgv(qdisc: Qdisc, op: string): readonly string[] {
  switch (qdisc.kind) {
    case 'tbf': {
      const { rateBytesPerSecond: rate, burstBytes: burst, limitBytes: limit } = qdisc
      const bucket = ['rate', `${rate}bps`, 'burst', `${burst}b`, 'limit', `${limit}b`]
      return ['root', 'handle', '1:', 'tbf', ...bucket]
    }
    case 'ingress':
      return ['handle', 'ffff:', 'ingress']
    case 'other':
      throw new KernelError(op, 'EINVAL', { hint: 'it is of no kind that can be added' })
  }
}

interface TcQdisc {
  readonly kind: string
  readonly dev: string
  readonly options?: { readonly rate?: number; readonly burst?: number; readonly limit?: number }
}

/** JSON of tc(8) 6.1: bytes and bytes a second. */
function parseQdiscs(json: string): Qdisc[] {
  return (JSON.parse(json || '[]') as readonly TcQdisc[]).map(({ kind, dev: device, options }) => {
    if (kind === 'ingress') return { device, kind }
    const { rate = 0, burst = 0, limit = 0 } = options ?? {}
    return kind === 'tbf'
      ? { device, kind, rateBytesPerSecond: rate, burstBytes: burst, limitBytes: limit }
      : { device, kind: 'other' }
  })
}

interface TcFilter {
  readonly options?: {
    readonly actions?: readonly {
      readonly kind?: string
      readonly mirred_action?: string
      readonly to_dev?: string
    }[]
  }
}

function parseRedirects(json: string, device: string): IngressRedirect[] {
  return (JSON.parse(json || '[]') as readonly TcFilter[]).flatMap(({ options }) =>
    (options?.actions ?? []).flatMap(({ kind, mirred_action, to_dev: target }) =>
      kind === 'mirred' && mirred_action === 'redirect' && target ? [{ device, target }] : [],
    ),
  )
}
