// What Prometheus reads at /metrics: counts and times, with no id of a user or a key in any label.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** The metrics of one server. */
export function serverMetrics() {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  return {
    registry,
    requests: new Histogram({
      name: 'http_request_duration_seconds',
      help: 'Time until the answer began, by route and status',
      labelNames: ['method', 'route', 'status'] as const,
      buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
      registers,
    }),
    interactions: new Counter({
      name: 'interactions_total',
      help: 'Interactions that were sent, by what became of them',
      labelNames: ['result'] as const,
      registers,
    }),
    due: new Gauge({ name: 'queue_due', help: 'Users whose profile is due', registers }),
    oldestDue: new Gauge({ name: 'queue_oldest_seconds', help: 'Time that the first of them is due', registers }),
    proxied: new Counter({
      name: 'proxy_inject_total',
      help: 'Requests through the proxy, by what became of the profile',
      labelNames: ['result'] as const,
      registers,
    }),
    proxyAdded: new Histogram({
      name: 'proxy_added_seconds',
      help: 'Time that the proxy took before it asked the model server',
      buckets: [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2],
      registers,
    }),
  }
}

export type ServerMetrics = ReturnType<typeof serverMetrics>
