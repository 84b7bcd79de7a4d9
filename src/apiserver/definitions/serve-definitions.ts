/** Serves the kinds of the CustomResourceDefinitions in the store, as they come, change and go. */
import {
  CLEANUP_FINALIZER,
  type CustomResourceDefinition,
  isTrue,
} from '#api/custom-resource/definition.ts'
import { equalJSON } from '#api/json.ts'
import { customResourceDefinition } from '#api/kinds/custom-resource-definition.ts'
import type { KindSpec } from '#api/kinds/kind-spec.ts'
import { customResourceDefinitions } from '#api/resources.ts'
import { StatusError } from '#api/status.ts'
import type { Log } from '#log/log.ts'
import { SERVER } from '../auth/user.ts'
import { mutate } from '../rest/mutate.ts'
import { objectOf, prefixOf } from '../rest/record.ts'
import type { RESTDeps } from '../rest/request.ts'
import { timestamp } from '../rest/timestamp.ts'
import type { StoreEvent } from '../storage/store.ts'
import { planStatus, withCondition } from './plan-status.ts'
import { isGoing, removeInstances } from './remove-instances.ts'

/** How long after a failure, and while instances wait for their finalizers, it is looked again. */
const RETRY_MS = 1_000

interface Served {
  readonly definition: CustomResourceDefinition
  readonly kinds: readonly KindSpec[]
  readonly retire: () => void
}

/** Resolves when every definition that was there is served. Dispose the result to stop. */
export async function serveDefinitions(deps: RESTDeps, log: Log): Promise<Disposable> {
  const definitions = new Definitions(deps, log)
  await definitions.start()
  return definitions
}

class Definitions implements Disposable {
  readonly #deps: RESTDeps
  readonly #log: Log
  readonly #served = new Map<string, Served>()
  /** Names of definitions to look at. */
  readonly #due = new Set<string>()
  readonly #stack = new DisposableStack()
  #isBusy = false
  #applied: Promise<void> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined

  constructor(deps: RESTDeps, log: Log) {
    this.#deps = deps
    this.#log = log
  }

  async start(): Promise<void> {
    const prefix = prefixOf(customResourceDefinitions)
    const { items, revision } = await this.#deps.store.list(prefix)
    for (const item of items) await this.#keep(objectOf(item) as CustomResourceDefinition) // by its key
    this.#publish()
    this.#follow(revision)
    for (const name of this.#served.keys()) this.#due.add(name)
    void this.#work()
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer)
    this.#stack.dispose()
  }

  #follow(revision: number): void {
    const watch = this.#deps.store.watch(prefixOf(customResourceDefinitions), revision, {
      changed: (events) => {
        this.#applied = this.#applied.then(() => this.#apply(events))
      },
      failed: (error) => {
        if (this.#stack.disposed) return
        this.#log.warn('Cannot follow definitions: reading them again', { error })
        this.#timer = setTimeout(() => void this.#restart(), RETRY_MS)
      },
    })
    this.#stack.use(watch)
  }

  async #restart(): Promise<void> {
    try {
      const { items } = await this.#deps.store.list(prefixOf(customResourceDefinitions))
      const names = new Set(items.map((item) => objectOf(item).metadata.name))
      for (const name of [...this.#served.keys()]) if (!names.has(name)) this.#drop(name)
      await this.start()
    } catch (error) {
      this.#log.warn('Cannot read definitions: trying again', { error: error as Error })
      if (!this.#stack.disposed) this.#timer = setTimeout(() => void this.#restart(), RETRY_MS)
    }
  }

  async #apply(events: readonly StoreEvent[]): Promise<void> {
    for (const event of events) {
      const item = event.type === 'put' ? event.item : event.previous
      const definition = objectOf(item) as CustomResourceDefinition // by its key
      if (event.type === 'put') await this.#keep(definition)
      else this.#drop(definition.metadata.name)
      this.#due.add(definition.metadata.name)
      // A name that was given back may be what another waits for.
      for (const other of this.#othersOf(definition)) this.#due.add(other.metadata.name)
    }
    this.#publish()
    void this.#work()
  }

  /** Kinds stay the same values while nothing of theirs changes: documents and watches depend on them. */
  async #keep(definition: CustomResourceDefinition): Promise<void> {
    const { name } = definition.metadata
    const before = this.#served.get(name)
    if (before && isSameService(before.definition, definition)) {
      this.#served.set(name, { ...before, definition })
      return
    }
    before?.retire()
    const controller = new AbortController()
    const isServed = isTrue(definition, 'NamesAccepted') || isTrue(definition, 'Established')
    const kinds = isServed ? await makeKinds(definition, controller.signal) : []
    this.#served.set(name, { definition, kinds, retire: () => controller.abort() })
  }

  #drop(name: string): void {
    this.#served.get(name)?.retire()
    this.#served.delete(name)
  }

  #publish(): void {
    const kinds = [...this.#served.values()].flatMap((one) => one.kinds)
    this.#deps.kinds.replaceDynamic(kinds)
  }

  #othersOf({ metadata, spec }: CustomResourceDefinition): CustomResourceDefinition[] {
    return [...this.#served.values()]
      .map(({ definition }) => definition)
      .filter((other) => other.spec.group === spec.group && other.metadata.name !== metadata.name)
  }

  /** One definition at a time: two may want one name. */
  async #work(): Promise<void> {
    if (this.#isBusy) return
    this.#isBusy = true
    try {
      for (const name of this.#due) {
        if (this.#stack.disposed) return
        this.#due.delete(name)
        await this.#settle(name).catch((error: unknown) => this.#retry(name, error as Error))
      }
    } finally {
      this.#isBusy = false
    }
  }

  #retry(name: string, error?: Error): void {
    if (this.#stack.disposed) return
    if (error) this.#log.warn(`Cannot settle the definition ${name}: trying again`, { error })
    const timer = setTimeout(() => {
      this.#due.add(name)
      void this.#work()
    }, RETRY_MS)
    timer.unref()
    this.#stack.defer(() => clearTimeout(timer))
  }

  async #settle(name: string): Promise<void> {
    const found = this.#served.get(name)
    if (!found) return
    if (isGoing(found.definition)) return this.#remove(name, found)
    const { definition } = found
    const status = planStatus(definition, this.#othersOf(definition), timestamp())
    if (equalJSON(status, definition.status)) return
    // Served before the status says so: whoever waits for it finds the kinds.
    await this.#keep({ ...definition, status })
    this.#publish()
    await this.#write(name, (current) => ({
      ...current,
      status: planStatus(current, this.#othersOf(current), timestamp()),
    }))
  }

  async #remove(name: string, { definition, kinds }: Served): Promise<void> {
    const removal = await removeInstances(definition, kinds[0], this.#deps)
    const condition = {
      type: 'Terminating',
      status: removal.isDone ? ('False' as const) : ('True' as const),
      reason: removal.reason,
      message: removal.message,
    }
    await this.#write(name, (current) => {
      const conditions = withCondition(current.status?.conditions ?? [], condition, timestamp())
      const settled = { ...current, status: { ...current.status, conditions } }
      // With the last finalizer the definition goes.
      return removal.isDone ? withoutCleanup(settled) : settled
    })
    if (!removal.isDone) this.#retry(name)
  }

  async #write(
    name: string,
    change: (current: CustomResourceDefinition) => CustomResourceDefinition,
  ): Promise<void> {
    const target = {
      spec: customResourceDefinition as KindSpec,
      namespace: undefined,
      name,
      subresource: 'status',
      query: new URLSearchParams(),
      userAgent: 'kube-apiserver',
      user: SERVER,
      warn: () => {},
    }
    const edit = (current: unknown) => change(current as CustomResourceDefinition) // by its key
    await mutate(target, this.#deps, { dryRun: false, change: edit }).catch(unlessGone)
  }
}

function unlessGone(error: unknown): void {
  if (!(error instanceof StatusError) || error.status.code !== 404) throw error
}

function withoutCleanup(definition: CustomResourceDefinition): CustomResourceDefinition {
  const { finalizers = [], ...metadata } = definition.metadata
  const rest = finalizers.filter((name) => name !== CLEANUP_FINALIZER)
  return { ...definition, metadata: { ...metadata, finalizers: rest } }
}

/** Whether both are served alike: conditions and labels come and go without a change to their kinds. */
function isSameService(a: CustomResourceDefinition, b: CustomResourceDefinition): boolean {
  return (
    a.metadata.uid === b.metadata.uid &&
    equalJSON(a.spec, b.spec) &&
    equalJSON(a.status?.acceptedNames, b.status?.acceptedNames) &&
    ['NamesAccepted', 'Established', 'Terminating'].every(
      (type) => isTrue(a, type) === isTrue(b, type),
    )
  )
}

/** Loaded with the first definition: most clusters have none. */
async function makeKinds(
  definition: CustomResourceDefinition,
  retired: AbortSignal,
): Promise<readonly KindSpec[]> {
  const { customKinds } = await import('#api/custom-resource/custom-kind.ts')
  return customKinds(definition, retired)
}
