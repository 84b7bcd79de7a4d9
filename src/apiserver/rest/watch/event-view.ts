import type { KindSpec } from '#api/kinds/kind-spec.ts'
import type { KubernetesObject } from '#api/meta.ts'
import type { Representation } from '../../http/media-type.ts'
import { revisionOf, type StoreEvent } from '../../storage/store.ts'
import type { IncludeObject } from '../../table/table.ts'
import type { Matches } from '../label-selector.ts'
import { objectText } from '../present.ts'
import { objectOf, textOf } from '../record.ts'
import { type Selectable, selectableOf } from '../selectable.ts'

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED'

/** What decides how an event's object is written; watches that agree in it share the bytes. */
export interface Form {
  readonly representation: Representation
  readonly include: IncludeObject
  /** Whether a Table says what its columns are: the first one of a watch does. */
  readonly hasColumns: boolean
}

/** By the resource asked for: one stored object may be served as several. */
const views = new WeakMap<KindSpec, WeakMap<StoreEvent, EventView>>()

/** The one view of an event that all watches share: the same change is parsed once, and written once per form. */
export function viewOf(event: StoreEvent, spec: KindSpec): EventView {
  const known = views.get(spec) ?? new WeakMap<StoreEvent, EventView>()
  views.set(spec, known)
  let view = known.get(event)
  if (!view) {
    view = new EventView(event, spec)
    known.set(event, view)
  }
  return view
}

export class EventView {
  readonly #event: StoreEvent
  readonly #spec: KindSpec
  readonly #frames = new Map<string, Buffer>()
  #object: KubernetesObject | undefined
  #previous: KubernetesObject | undefined

  constructor(event: StoreEvent, spec: KindSpec) {
    this.#event = event
    this.#spec = spec
  }

  /** What the event is to a watch that sees only what matches; undefined when it is nothing. */
  typeFor(matches: Matches<Selectable> | undefined): EventType | undefined {
    const event = this.#event
    const { previous } = event
    const isIn = event.type === 'put' && (!matches || matches(selectableOf(event.item, this.#spec)))
    const wasIn =
      previous !== undefined && (!matches || matches(selectableOf(previous, this.#spec)))
    if (isIn) return wasIn ? 'MODIFIED' : 'ADDED'
    return wasIn ? 'DELETED' : undefined
  }

  /** `{"type":…,"object":…}` and a line's end. */
  frame(type: EventType, form: Form): Buffer {
    const key = `${type} ${form.representation} ${form.include} ${form.hasColumns}`
    let frame = this.#frames.get(key)
    if (!frame) {
      frame = Buffer.from(`{"type":"${type}","object":${this.#text(type, form)}}\n`)
      this.#frames.set(key, frame)
    }
    return frame
  }

  /** What goes is shown as it was last, with the revision of its going. */
  #text(type: EventType, { representation, include, hasColumns }: Form): string {
    if (representation === 'object') return textOf(this.#shown(type), this.#spec.resource)
    const object = type === 'DELETED' ? this.#before() : this.#current()
    return objectText(object, representation, this.#spec, include, hasColumns)
  }

  #shown(type: EventType) {
    const event = this.#event
    if (type !== 'DELETED' && event.type === 'put') return event.item
    return { value: event.previous!.value, modRevision: revisionOf(event) }
  }

  #current(): KubernetesObject {
    this.#object ??= objectOf(this.#shown('ADDED'), this.#spec.resource)
    return this.#object
  }

  #before(): KubernetesObject {
    this.#previous ??= objectOf(this.#shown('DELETED'), this.#spec.resource)
    return this.#previous
  }
}
