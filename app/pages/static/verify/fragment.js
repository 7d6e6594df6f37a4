// What stands behind `#` was never sent anywhere. It is taken once, and leaves the address bar and the history at once.

export function takeFragment() {
  const text = location.hash.slice(1);
  if (text) history.replaceState(null, "", location.pathname + location.search);
  return text;
}

// Evaluated before every other module: whatever comes of the page, the address no longer names anybody.
export const arrivedWith = takeFragment();
