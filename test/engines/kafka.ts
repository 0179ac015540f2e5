/**
 * A real Kafka 4.1: one node that is broker and controller (KRaft).
 *
 * What was learned:
 * - A data folder is formatted once, before the first start; a second start finds its `meta.properties`.
 * - The jars bind to slf4j 1, so `log4j-slf4j-impl` and not `log4j-slf4j2-impl`; the level is a property of the JVM.
 * - After kill -9 the broker listens before it takes writes: its controller first lets the old session end. Hence the
 *   session of 2 s instead of 9 s, and readiness that asks for a broker in the metadata.
 */
import { Admin } from '@platformatic/kafka';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { engineFolder } from '../../scripts/engines/list.js';
import { run } from '../../scripts/engines/run.js';
import { freePort, launch, type Engine, type EngineOptions } from './process.js';

/** How Kafka is started. */
export interface KafkaOptions extends EngineOptions {
  /** Properties of the broker, such as `message.max.bytes`. */
  readonly settings?: Readonly<Record<string, string | number | boolean>>;
  /** Where clients are sent that come to `bootstrap`: a proxy of the test's own. */
  readonly advertised?: string;
  /** Who may use the listener `secured`, by SASL's PLAIN and SCRAM-SHA-256. */
  readonly user?: { readonly name: string; readonly password: string };
}

/** A running Kafka. Topics are made when first used, with 4 partitions. */
export interface Kafka extends Engine {
  /** Such as `127.0.0.1:40123`. */
  readonly bootstrap: string;
  /** The listener that asks who is there; only with `user`. */
  readonly secured: string;
}

const JVM = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Dorg.apache.logging.log4j.level=INFO'];

/** Starts Kafka; about 3 s and 0.4 GB. */
export async function startKafka(options: KafkaOptions = {}): Promise<Kafka> {
  const bootstrap = `127.0.0.1:${await freePort()}`;
  const controller = `127.0.0.1:${await freePort()}`;
  const secured = `127.0.0.1:${await freePort()}`;
  const { user, advertised = bootstrap } = options;
  const jars = ['-cp', path.join(engineFolder('kafka'), 'lib', '*')];
  const engine = await launch('kafka', options, async (folder) => {
    const data = path.join(folder, 'data');
    const file = path.join(folder, 'server.properties');
    const settings = {
      ...settingsOf(bootstrap, advertised, controller),
      ...(user === undefined ? {} : securedSettings(bootstrap, advertised, secured, controller, user)),
      'log.dirs': data,
      ...options.settings,
    };
    await writeFile(
      file,
      Object.entries(settings)
        .map(([key, value]) => `${key}=${value}\n`)
        .join(''),
    );
    if (!existsSync(path.join(data, 'meta.properties'))) {
      const scram = user === undefined ? [] : ['-S', `SCRAM-SHA-256=[name=${user.name},password=${user.password}]`];
      const id = randomBytes(16).toString('base64url').replace(/^-/, 'A');
      await run('java', [...JVM, ...jars, 'kafka.tools.StorageTool', 'format', '-t', id, '-c', file, ...scram]);
    }
    return {
      command: 'java',
      args: ['-Xmx512m', ...JVM, ...jars, 'kafka.Kafka', file],
      ready: () => hasBroker(bootstrap),
    };
  });
  return Object.assign(engine, { bootstrap, secured });
}

function settingsOf(bootstrap: string, advertised: string, controller: string): Record<string, string | number> {
  return {
    'process.roles': 'broker,controller',
    'node.id': 1,
    listeners: `PLAINTEXT://${bootstrap},CONTROLLER://${controller}`,
    'advertised.listeners': `PLAINTEXT://${advertised}`,
    'controller.listener.names': 'CONTROLLER',
    'controller.quorum.voters': `1@${controller}`,
    'broker.session.timeout.ms': 2000,
    'broker.heartbeat.interval.ms': 500,
    'num.partitions': 4,
    'offsets.topic.replication.factor': 1,
    'offsets.topic.num.partitions': 4,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'transaction.state.log.num.partitions': 4,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
  };
}

function securedSettings(
  bootstrap: string,
  advertised: string,
  secured: string,
  controller: string,
  { name, password }: { readonly name: string; readonly password: string },
): Record<string, string> {
  const module = 'org.apache.kafka.common.security';
  return {
    listeners: `PLAINTEXT://${bootstrap},SECURED://${secured},CONTROLLER://${controller}`,
    'advertised.listeners': `PLAINTEXT://${advertised},SECURED://${secured}`,
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_PLAINTEXT',
    'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256',
    'listener.name.secured.plain.sasl.jaas.config': `${module}.plain.PlainLoginModule required user_${name}="${password}";`,
    'listener.name.secured.scram-sha-256.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
  };
}

async function hasBroker(bootstrap: string): Promise<boolean> {
  const admin = new Admin({ clientId: 'millrace-test', bootstrapBrokers: [bootstrap], retries: 0, timeout: 2000 });
  try {
    const { brokers } = await admin.metadata({ topics: [] });
    return brokers.size > 0;
  } finally {
    await admin.close();
  }
}
