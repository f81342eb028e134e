import { lazy, Suspense } from 'react';
import { Navigate, Route, Routes } from 'react-router';
import { PATHS } from '../../shared/paths.ts';
import { ErrorBoundary } from './components/ErrorBoundary.tsx';
import { PageLoading } from './components/PageLoading.tsx';

const SignIn = lazy(() => import('./pages/account/SignIn.tsx'));
const SignUp = lazy(() => import('./pages/account/SignUp.tsx'));
const ForgotPassword = lazy(() => import('./pages/account/ForgotPassword.tsx'));
const ResetPassword = lazy(() => import('./pages/account/ResetPassword.tsx'));
const VerifyAddress = lazy(() => import('./pages/account/VerifyAddress.tsx'));
const Invitation = lazy(() => import('./pages/account/Invitation.tsx'));
const Shell = lazy(() => import('./layout/Shell.tsx'));
const Home = lazy(() => import('./pages/Home.tsx'));
const Contacts = lazy(() => import('./pages/contacts/Contacts.tsx'));
const ApiKeys = lazy(() => import('./pages/apiKeys/ApiKeys.tsx'));
const ApiKeyPage = lazy(() => import('./pages/apiKeys/ApiKeyPage.tsx'));
const Members = lazy(() => import('./pages/members/Members.tsx'));
const AuditLog = lazy(() => import('./pages/audit/AuditLog.tsx'));
const OrganizationPage = lazy(() => import('./pages/organization/OrganizationPage.tsx'));
const OrganizationDeleted = lazy(() => import('./pages/organization/OrganizationDeleted.tsx'));
const Account = lazy(() => import('./pages/account/Account.tsx'));

/** The pages by their addresses. The code of a page is loaded when the page is opened. */
export function App() {
  return (
    <ErrorBoundary>
      <Suspense fallback={<PageLoading />}>
        <Routes>
          <Route path={PATHS.signIn} element={<SignIn />} />
          <Route path={PATHS.signUp} element={<SignUp />} />
          <Route path={PATHS.forgotPassword} element={<ForgotPassword />} />
          <Route path={PATHS.resetPassword} element={<ResetPassword />} />
          <Route path={PATHS.verifyAddress} element={<VerifyAddress />} />
          <Route path={PATHS.invitation} element={<Invitation />} />
          <Route path={PATHS.organizationDeleted} element={<OrganizationDeleted />} />
          <Route element={<Shell />}>
            <Route path={PATHS.home} element={<Home />} />
            <Route path={PATHS.contacts} element={<Contacts />} />
            <Route path={PATHS.apiKeys} element={<ApiKeys />} />
            <Route path={PATHS.apiKey} element={<ApiKeyPage />} />
            <Route path={PATHS.members} element={<Members />} />
            <Route path={PATHS.auditLog} element={<AuditLog />} />
            <Route path={PATHS.organization} element={<OrganizationPage />} />
            <Route path={PATHS.account} element={<Account />} />
          </Route>
          <Route path="*" element={<Navigate to={PATHS.home} replace />} />
        </Routes>
      </Suspense>
    </ErrorBoundary>
  );
}
