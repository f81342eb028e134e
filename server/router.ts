import { apiKeysRouter } from './routers/apiKeys.ts';
import { contactsRouter } from './routers/contacts.ts';
import { router } from './trpc.ts';

/** Every procedure; the doors (tRPC, REST) lead here. */
export const appRouter = router({ keys: apiKeysRouter, contacts: contactsRouter });
export type AppRouter = typeof appRouter;
