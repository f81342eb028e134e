const firstOf = (list: unknown) => (Array.isArray(list) ? list[0] : undefined);

/**
 * The name of a contact whose own name is missing: the contact's company, or else an email, or else a phone. The fields
 * have not been checked.
 */
export const standInName = ({ company, email, otherEmails, phone, otherPhones }: Record<string, unknown>) =>
  company ?? email ?? firstOf(otherEmails) ?? phone ?? firstOf(otherPhones);
