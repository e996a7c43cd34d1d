import { DEFECT_CLASSES } from '../../domain/verdict.ts';
import { topicsOf } from '../topics.ts';

/** The parts that tell their condition, as Home Assistant shows them. */
const PARTS = ['camera', 'engine', 'light', 'record', 'link', 'position'] as const;

interface Entity {
  readonly component: 'binary_sensor' | 'sensor';
  readonly name: string;
  readonly topic: string;
  readonly template: string;
  readonly more?: Readonly<Record<string, unknown>>;
}

/**
 * What Home Assistant's MQTT discovery is told of a vehicle: a retained message for each entity, by its topic
 * `<prefix>/<component>/specta_<vehicle>/<name>/config`. The entities read the vehicle's own topics; nothing else is
 * published for Home Assistant.
 *
 * Form: Home Assistant's documentation of MQTT discovery ("MQTT Discovery", "Binary sensor (MQTT)", "Sensor (MQTT)").
 */
export function homeAssistantDiscovery(
  prefix: string,
  vehicle: string,
  version: string,
): ReadonlyMap<string, Record<string, unknown>> {
  const topics = topicsOf(vehicle);
  const node = `specta_${vehicle}`;
  const entities: Entity[] = [
    ...DEFECT_CLASSES.map((defect) => ({
      component: 'binary_sensor' as const,
      name: defect,
      topic: topics.run,
      template: `{{ 'ON' if value_json.openFindings | selectattr('class', 'eq', '${defect}') | list | count > 0 else 'OFF' }}`,
      more: { device_class: 'problem' },
    })),
    {
      component: 'binary_sensor',
      name: 'alert light',
      topic: topics.light,
      template: "{{ 'ON' if value_json.lit else 'OFF' }}",
      more: { device_class: 'light' },
    },
    ...PARTS.map((part) => ({
      component: 'sensor' as const,
      name: part,
      topic: topics.status(part),
      template: '{{ value_json.condition }}',
      more: {
        device_class: 'enum',
        options: ['ok', 'recovering', 'failed', 'absent'],
        entity_category: 'diagnostic',
        json_attributes_topic: topics.status(part),
      },
    })),
    {
      component: 'sensor',
      name: 'frames a second',
      topic: topics.health,
      template: '{{ value_json.fps | round(1) }}',
      more: { state_class: 'measurement', entity_category: 'diagnostic', expire_after: 60 },
    },
    {
      component: 'sensor',
      name: 'alerts waiting',
      topic: topics.health,
      template: '{{ value_json.outbox.waiting.alert }}',
      more: { state_class: 'measurement', expire_after: 60 },
    },
    {
      component: 'sensor',
      name: 'temperature',
      topic: topics.health,
      template: '{{ value_json.temperatureCelsius }}',
      more: {
        device_class: 'temperature',
        unit_of_measurement: '°C',
        state_class: 'measurement',
        entity_category: 'diagnostic',
        expire_after: 60,
      },
    },
  ];
  const device = {
    identifiers: [node],
    name: `SPECTA ${vehicle}`,
    manufacturer: 'SPECTA',
    model: 'pipeline inspection runtime',
    sw_version: version,
  };
  return new Map(
    entities.map(({ component, name, topic, template, more }) => {
      const id = name.replaceAll(' ', '_');
      return [
        `${prefix}/${component}/${node}/${id}/config`,
        {
          name,
          unique_id: `${node}_${id}`,
          object_id: `${node}_${id}`,
          state_topic: topic,
          value_template: template,
          availability_topic: topics.state,
          availability_template: "{{ 'online' if value_json.state == 'online' else 'offline' }}",
          device,
          origin: { name: 'SPECTA', sw_version: version },
          ...more,
        },
      ];
    }),
  );
}
