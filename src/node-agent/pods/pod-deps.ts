import type { Service } from '#api/core.ts'
import type { API } from '#client/api.ts'
import type { EventRecorder } from '#client/event-recorder.ts'
import type { Log } from '#log/log.ts'
import type { Clock } from '../probes/prober.ts'
import type { Runtime } from '../runtimes/runtime.ts'
import type { NodeSettings } from '../settings.ts'
import type { PodReferences } from './references.ts'

/** What the parts of a pod's worker use. */
export interface PodDeps {
  readonly api: API
  readonly runtime: Runtime
  readonly events: EventRecorder
  readonly log: Log
  readonly clock: Clock
  readonly services: () => readonly Service[]
  readonly references: Pick<PodReferences, 'fetch' | 'forget'>
  readonly settings: NodeSettings
}
