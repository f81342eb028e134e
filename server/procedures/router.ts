import { apiKeysRouter } from './apiKeys.ts';
import { auditRouter } from './audit.ts';
import { contactsRouter } from './contacts.ts';
import { membersRouter } from './members.ts';
import { organizationRouter } from './organization.ts';
import { router } from './procedure.ts';
import { sessionRouter } from './session.ts';

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
