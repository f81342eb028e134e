import { apiKeysRouter } from './routers/apiKeys.ts';
import { auditRouter } from './routers/audit.ts';
import { contactsRouter } from './routers/contacts.ts';
import { membersRouter } from './routers/members.ts';
import { organizationRouter } from './routers/organization.ts';
import { sessionRouter } from './routers/session.ts';
import { router } from './trpc.ts';

/** Every procedure; the doors (tRPC, REST, MCP) lead here. */
export const appRouter = router({
  keys: apiKeysRouter,
  contacts: contactsRouter,
  audit: auditRouter,
  organization: organizationRouter,
  session: sessionRouter,
  members: membersRouter,
});
export type AppRouter = typeof appRouter;
