/**
 * Remembers what was made of an object that never changes (a stored item, an event), for one purpose (a kind, a resource), for as long as both
 * are there. What is kept must be small beside the object, and must not hold on to what was parsed from it.
 */
export function memoize<Value extends object, Purpose extends object, Found>(
  make: (value: Value, purpose: Purpose) => Found,
): (value: Value, purpose: Purpose) => Found {
  const known = new WeakMap<Purpose, WeakMap<Value, Found>>()
  return (value, purpose) => {
    let ofPurpose = known.get(purpose)
    if (!ofPurpose) {
      ofPurpose = new WeakMap()
      known.set(purpose, ofPurpose)
    }
    let found = ofPurpose.get(value)
    if (found === undefined) {
      found = make(value, purpose)
      ofPurpose.set(value, found)
    }
    return found
  }
}
