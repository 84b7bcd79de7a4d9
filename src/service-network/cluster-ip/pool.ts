import type { Owner } from './claims.ts'

export type Allocation<T> =
  | { readonly kind: 'taken'; readonly value: T }
  | { readonly kind: 'refused' | 'full'; readonly message: string }

/** Of what one may ask for any, ask for a certain one, and give back. Rejects when the store fails. */
export interface Pool<T> {
  take(value: T, owner: Owner): Promise<Allocation<T>>
  takeAny(owner: Owner): Promise<Allocation<T>>
  /** What is not the owner's stays. */
  release(value: T, owner: Owner): Promise<void>
}

export const FULL: Allocation<never> = { kind: 'full', message: 'range is full' }
