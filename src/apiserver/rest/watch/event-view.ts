import type { KindSpec } from '#api/kinds/kind-spec.ts'
import type { Representation } from '../../http/media-type.ts'
import { memoize } from '../../memoize.ts'
import { revisionOf, type StoredItem, type StoreEvent } from '../../storage/store.ts'
import { findColumns } from '../../table/find-columns.ts'
import { type IncludeObject, tablePieces } from '../../table/table.ts'
import type { Matches } from '../label-selector.ts'
import { rowOf, splicePartial } from '../list-text.ts'
import { joined, textOf } from '../record.ts'
import { type Selectable, selectableOf } from '../selectable.ts'

export type EventType = 'ADDED' | 'MODIFIED' | 'DELETED'

/** What decides how an event's object is written. Watches that agree in it have the same one, and share the bytes. */
export interface Form {
  readonly representation: Representation
  readonly include: IncludeObject
  /** Whether a Table says what its columns are: the first one of a watch does. */
  readonly hasColumns: boolean
}

/**
 * The one view of an event that all watches share: the same change is written once per form. By the kind asked for, since one stored object
 * may be served as several.
 */
export const viewOf: (event: StoreEvent, spec: KindSpec) => EventView = memoize(
  (event, spec) => new EventView(event, spec),
)

export class EventView {
  readonly #event: StoreEvent
  readonly #spec: KindSpec
  readonly #frames = new Map<EventType, Map<Form, Buffer>>()

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

  /** The line as bytes that are made once. */
  frame(type: EventType, form: Form): Buffer {
    let ofType = this.#frames.get(type)
    if (!ofType) {
      ofType = new Map()
      this.#frames.set(type, ofType)
    }
    let frame = ofType.get(form)
    if (!frame) {
      frame = Buffer.from(this.line(type, form))
      ofType.set(form, frame)
    }
    return frame
  }

  /** `{"type":…,"object":…}` and a line's end. */
  line(type: EventType, form: Form): string {
    return `{"type":"${type}","object":${this.#text(this.#shown(type), form)}}\n`
  }

  #text(item: ShownItem, { representation, include, hasColumns }: Form): string {
    const { resource } = this.#spec
    switch (representation) {
      case 'object':
        return textOf(item, resource)
      case 'PartialObjectMetadata':
        return joined(splicePartial(item, resource))
      case 'Table': {
        const options = { include, hasColumns, resourceVersion: String(item.modRevision) }
        const pieces = tablePieces(findColumns(resource), [rowOf(item, resource, include)], options)
        return joined(pieces)
      }
    }
  }

  /** What goes is shown as it was last, with the revision of its going. */
  #shown(type: EventType): ShownItem {
    const event = this.#event
    if (type !== 'DELETED' && event.type === 'put') return event.item
    return { value: event.previous!.value, modRevision: revisionOf(event) }
  }
}

type ShownItem = Pick<StoredItem, 'value' | 'modRevision'>
