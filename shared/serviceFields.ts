/** The fields of a contact that the service sets. */
const SET_BY_SERVICE = ['id', 'organizationId', 'createdAt', 'updatedAt', 'deletedAt', 'version'] as const;
export type ServiceField = (typeof SET_BY_SERVICE)[number];
export const isSetByService = (field: string): field is ServiceField =>
  (SET_BY_SERVICE as readonly string[]).includes(field);

/** Fields that the service sets, as a caller sends them back: each must have the contact's present value. */
export type ServiceFields = Partial<Record<ServiceField, unknown>>;

/** What the service sets in `given`, and the rest. A field that is `undefined` is in neither. */
export function splitFields<T extends object>(given: T): { service: ServiceFields; fields: Omit<T, ServiceField> } {
  const entries = Object.entries(given).filter(([, value]) => value !== undefined);
  const [service, fields] = [true, false].map((isService) =>
    Object.fromEntries(entries.filter(([field]) => isSetByService(field) === isService)),
  );
  return { service: service as ServiceFields, fields: fields as Omit<T, ServiceField> };
}
