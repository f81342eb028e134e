/** The name of a contact whose own name is missing: the contact's company, or else its email, or else its phone. */
export const standInName = ({ company, email, phone }: Record<string, unknown>) => company ?? email ?? phone;
