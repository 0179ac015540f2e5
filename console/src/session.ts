import { useState, useSyncExternalStore } from 'react';

const KEY = 'millrace.key';
const THEME = 'millrace.theme';

/** The API key, kept for this tab only. */
export function useKey(): [key: string, setKey: (key: string) => void] {
  const [key, setKey] = useState(() => sessionStorage.getItem(KEY) ?? '');
  return [
    key,
    (next) => {
      if (next === '') sessionStorage.removeItem(KEY);
      else sessionStorage.setItem(KEY, next);
      setKey(next);
    },
  ];
}

/** Light or dark. */
export type Theme = 'light' | 'dark';

const listeners = new Set<() => void>();

function currentTheme(): Theme {
  const chosen = localStorage.getItem(THEME);
  if (chosen === 'light' || chosen === 'dark') return chosen;
  return matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light';
}

function applyTheme(): void {
  document.documentElement.dataset['theme'] = currentTheme();
  for (const listener of listeners) listener();
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', applyTheme);
applyTheme();

/** The theme in force, and how to change it; without a choice it is the system's. */
export function useTheme(): [theme: Theme, setTheme: (theme: Theme) => void] {
  const theme = useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, currentTheme);
  return [
    theme,
    (next) => {
      localStorage.setItem(THEME, next);
      applyTheme();
    },
  ];
}
