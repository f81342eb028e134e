import { lazy, Suspense } from 'react';
import { Navigate, Route, Routes } from 'react-router';
import { PAGES } from '../../shared/paths.ts';
import { ErrorBoundary } from './components/ErrorBoundary.tsx';
import { PageLoading } from './components/PageLoading.tsx';

const SignIn = lazy(() => import('./pages/account/SignIn.tsx'));
const SignUp = lazy(() => import('./pages/account/SignUp.tsx'));
const ForgotPassword = lazy(() => import('./pages/account/ForgotPassword.tsx'));
const ResetPassword = lazy(() => import('./pages/account/ResetPassword.tsx'));
const Invitation = lazy(() => import('./pages/account/Invitation.tsx'));
const Shell = lazy(() => import('./layout/Shell.tsx'));
const Home = lazy(() => import('./pages/Home.tsx'));
const Contacts = lazy(() => import('./pages/contacts/Contacts.tsx'));
const ApiKeys = lazy(() => import('./pages/apiKeys/ApiKeys.tsx'));
const ApiKeyPage = lazy(() => import('./pages/apiKeys/ApiKeyPage.tsx'));
const Members = lazy(() => import('./pages/members/Members.tsx'));
const AuditLog = lazy(() => import('./pages/audit/AuditLog.tsx'));
const Account = lazy(() => import('./pages/account/Account.tsx'));

/** Which page is at which address; each is loaded when it is opened. */
export function App() {
  return (
    <ErrorBoundary>
      <Suspense fallback={<PageLoading />}>
        <Routes>
          <Route path={PAGES.signIn} element={<SignIn />} />
          <Route path={PAGES.signUp} element={<SignUp />} />
          <Route path={PAGES.forgotPassword} element={<ForgotPassword />} />
          <Route path={PAGES.resetPassword} element={<ResetPassword />} />
          <Route path={PAGES.invitation} element={<Invitation />} />
          <Route element={<Shell />}>
            <Route path={PAGES.home} element={<Home />} />
            <Route path={PAGES.contacts} element={<Contacts />} />
            <Route path={PAGES.apiKeys} element={<ApiKeys />} />
            <Route path={PAGES.apiKey} element={<ApiKeyPage />} />
            <Route path={PAGES.members} element={<Members />} />
            <Route path={PAGES.auditLog} element={<AuditLog />} />
            <Route path={PAGES.account} element={<Account />} />
          </Route>
          <Route path="*" element={<Navigate to={PAGES.home} replace />} />
        </Routes>
      </Suspense>
    </ErrorBoundary>
  );
}
