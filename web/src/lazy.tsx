// A part of the page that is loaded when it is first shown.
import type {ComponentChildren, ComponentType} from 'preact';
import {createContext} from 'preact';
import {useContext, useEffect, useState} from 'preact/hooks';

const Fallback = createContext<ComponentChildren>(null);

export function Suspense({fallback, children}: {fallback: ComponentChildren; children: ComponentChildren}) {
  return <Fallback.Provider value={fallback}>{children}</Fallback.Provider>;
}

export function lazy<P extends object>(load: () => Promise<{default: ComponentType<P>}>): ComponentType<P> {
  let loaded: ComponentType<P> | undefined;
  return function Lazy(props: P) {
    const [, draw] = useState(0);
    const fallback = useContext(Fallback);
    useEffect(() => {
      if (!loaded) load().then(module => { loaded = module.default; draw(1); });
    }, []);
    const Component = loaded;
    return Component ? <Component {...props} /> : <>{fallback}</>;
  };
}
