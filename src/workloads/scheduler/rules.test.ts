/**
 * The rules beyond taints and ports. Sources, texts included: scheduler plugins noderesources/fit.go,
 * podtopologyspread/filtering.go, interpodaffinity/filtering.go with their tests.
 */
import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { Affinity, Node, Pod, PodAffinityTerm, TopologySpreadConstraint } from '#api/core.ts'
import { planPlacement } from './plan-placement.ts'

type Labels = Readonly<Record<string, string>>

const node = (name: string, labels: Labels = {}, allocatable?: Labels): Node => ({
  metadata: { name, labels: { 'kubernetes.io/hostname': name, ...labels } },
  status: {
    conditions: [{ type: 'Ready', status: 'True' }],
    ...(allocatable ? { allocatable } : {}),
  },
})

let uids = 0
const pod = (spec: Partial<Pod['spec']> = {}, labels: Labels = {}, namespace = 'default'): Pod => ({
  metadata: { name: `p${++uids}`, uid: `u${uids}`, namespace, labels },
  spec: { containers: [{ name: 'c' }], ...spec },
})
const asking = (requests: Labels, spec: Partial<Pod['spec']> = {}) =>
  pod({ containers: [{ name: 'c', resources: { requests } }], ...spec })
const on = (nodeName: string, labels: Labels = {}, affinity: Affinity = {}, namespace?: string) =>
  pod({ nodeName, affinity }, labels, namespace)

const place = (wanted: Pod, nodes: readonly Node[], pods: readonly Pod[] = []) =>
  planPlacement(wanted, {
    nodes,
    pods,
    services: [],
    assumed: new Map(),
    namespaceLabels: (name) => ({ team: name }),
  })

const ZONE = 'topology.kubernetes.io/zone'
const zones = [
  node('a1', { [ZONE]: 'a' }),
  node('a2', { [ZONE]: 'a' }),
  node('b1', { [ZONE]: 'b' }),
]
const web = { app: 'web' }
const ofWeb = { labelSelector: { matchLabels: web } }
const near: PodAffinityTerm = { ...ofWeb, topologyKey: ZONE }

const must = (kind: 'podAffinity' | 'podAntiAffinity', term: PodAffinityTerm = near) => ({
  [kind]: { requiredDuringSchedulingIgnoredDuringExecution: [term] },
})
const should = (kind: 'podAffinity' | 'podAntiAffinity', term: PodAffinityTerm = near) => ({
  [kind]: {
    preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 100, podAffinityTerm: term }],
  },
})
const spread = (
  whenUnsatisfiable: TopologySpreadConstraint['whenUnsatisfiable'],
  more: Partial<TopologySpreadConstraint> = {},
  labels: Labels = web,
) =>
  pod(
    {
      topologySpreadConstraints: [
        { ...ofWeb, maxSkew: 1, topologyKey: ZONE, whenUnsatisfiable, ...more },
      ],
    },
    labels,
  )
const small = node('small', {}, { cpu: '1', memory: '1Gi', pods: '10' })
const big = node('big', {}, { cpu: '4', memory: '8Gi', pods: '10' })

suite('a pod runs', () => {
  const rows: readonly {
    readonly name: string
    readonly pod: Pod
    readonly nodes?: readonly Node[]
    readonly pods?: readonly Pod[]
    readonly want: string
  }[] = [
    { name: 'where its requests fit', pod: asking({ cpu: '2' }), nodes: [small, big], want: 'big' },
    {
      name: 'where more is left',
      pod: asking({ cpu: '500m', memory: '512Mi' }),
      nodes: [small, big],
      want: 'big',
    },
    {
      name: 'past what others asked for',
      pod: asking({ cpu: '2' }),
      nodes: [big, node('next', {}, { cpu: '2', memory: '1Gi', pods: '10' })],
      pods: [asking({ cpu: '3' }, { nodeName: 'big' })],
      want: 'next',
    },
    {
      name: 'where most of its preferences are',
      pod: pod({
        affinity: {
          nodeAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [
              {
                weight: 1,
                preference: { matchExpressions: [{ key: ZONE, operator: 'In', values: ['b'] }] },
              },
            ],
          },
        },
      }),
      want: 'b1',
    },
    {
      name: 'past a taint that only prefers',
      pod: pod(),
      nodes: [
        { ...node('t'), spec: { taints: [{ key: 'k', effect: 'PreferNoSchedule' }] } },
        node('u'),
      ],
      want: 'u',
    },
    {
      name: 'in the zone of whom it must be near',
      pod: pod({ affinity: must('podAffinity') }),
      pods: [on('b1', web)],
      want: 'b1',
    },
    {
      name: 'anywhere as the first that wants to be near its like',
      pod: pod({ affinity: must('podAffinity') }, web),
      want: 'a1',
    },
    {
      name: 'in a zone without whom it must not be near',
      pod: pod({ affinity: must('podAntiAffinity') }),
      pods: [on('a1', web)],
      want: 'b1',
    },
    {
      name: 'away from who does not want it near',
      pod: pod({}, web),
      pods: [on('a2', {}, must('podAntiAffinity'))],
      want: 'b1',
    },
    {
      name: 'near whom it would like to be',
      pod: pod({ affinity: should('podAffinity') }),
      pods: [on('b1', web)],
      want: 'b1',
    },
    {
      name: 'away from whom it would rather not be near',
      pod: pod({ affinity: should('podAntiAffinity') }),
      pods: [on('a1', web)],
      want: 'b1',
    },
    {
      name: 'near pods of namespaces with a label',
      pod: pod({
        affinity: must('podAffinity', {
          ...near,
          namespaceSelector: { matchLabels: { team: 'other' } },
        }),
      }),
      pods: [on('a1', web), on('b1', web, {}, 'other')],
      want: 'b1',
    },
    {
      name: 'in the zone with the fewest of its group',
      pod: spread('DoNotSchedule'),
      pods: [on('a1', web)],
      want: 'b1',
    },
    {
      name: 'better so, where it only should',
      pod: spread('ScheduleAnyway'),
      pods: [on('a1', web)],
      want: 'b1',
    },
    {
      name: 'as a group by the values of matchLabelKeys',
      pod: spread('DoNotSchedule', { matchLabelKeys: ['v'] }, { ...web, v: '2' }),
      pods: [
        on('a1', { ...web, v: '2' }),
        on('b1', { ...web, v: '1' }),
        on('b1', { ...web, v: '1' }),
      ],
      want: 'b1',
    },
  ]
  for (const { name, pod: wanted, nodes = zones, pods = [], want } of rows)
    test(name, () => assert.deepEqual(place(wanted, nodes, pods), { node: want }))
})

suite('a pod waits, and says why:', () => {
  const none = (count: number) => `0/${count} nodes are available:`
  const final = (count: number) =>
    `preemption: ${none(count)} ${count} Preemption is not helpful for scheduling.`
  const victims = (count: number) =>
    `preemption: ${none(count)} ${count} No preemption victims found for incoming pod.`
  const rows: readonly {
    readonly name: string
    readonly pod: Pod
    readonly nodes?: readonly Node[]
    readonly pods?: readonly Pod[]
    readonly want: string
  }[] = [
    {
      name: 'more than a node has',
      pod: asking({ cpu: '5', memory: '9Gi' }),
      nodes: [small, big],
      want: `${none(2)} 2 Insufficient cpu, 2 Insufficient memory. ${final(2)}`,
    },
    {
      name: 'more than is left',
      pod: asking({ cpu: '1' }),
      nodes: [small],
      pods: [asking({ cpu: '500m' }, { nodeName: 'small' })],
      want: `${none(1)} 1 Insufficient cpu. ${victims(1)}`,
    },
    {
      name: 'a device that nobody has',
      pod: asking({ 'example.com/gpu': '1' }),
      nodes: [small],
      want: `${none(1)} 1 Insufficient example.com/gpu. ${final(1)}`,
    },
    {
      name: 'nobody to be near',
      pod: pod({ affinity: must('podAffinity') }),
      want: `${none(3)} 3 node(s) didn't match pod affinity rules. ${final(3)}`,
    },
    {
      name: 'too near everywhere',
      pod: pod({ affinity: must('podAntiAffinity') }),
      pods: [on('a1', web), on('b1', web)],
      want: `${none(3)} 3 node(s) didn't match pod anti-affinity rules. ${victims(3)}`,
    },
    {
      name: 'unwanted',
      pod: pod({}, web),
      pods: [on('a1', {}, must('podAntiAffinity')), on('b1', {}, must('podAntiAffinity'))],
      want: `${none(3)} 3 node(s) didn't satisfy existing pods anti-affinity rules. ${victims(3)}`,
    },
    {
      name: 'a skew, and a node that is nowhere',
      pod: spread('DoNotSchedule', { minDomains: 3 }),
      nodes: [...zones, node('lost')],
      pods: [on('a1', web), on('b1', web)],
      want: `${none(4)} 1 node(s) didn't match pod topology spread constraints (missing required label), 3 node(s) didn't match pod topology spread constraints. preemption: ${none(4)} 1 Preemption is not helpful for scheduling, 3 No preemption victims found for incoming pod.`,
    },
  ]
  for (const { name, pod: wanted, nodes = zones, pods = [], want } of rows)
    test(name, () => assert.deepEqual(place(wanted, nodes, pods), { message: want }))
})
