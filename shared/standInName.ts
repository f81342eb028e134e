/** What a contact without a name is called by: its company, else its email, else its phone. */
export const standInName = ({ company, email, phone }: Record<string, unknown>) => company ?? email ?? phone;
