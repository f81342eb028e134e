import { type CSSVariablesResolver, createTheme, Drawer, Menu, Modal, Notification } from '@mantine/core';

/** A dialog's heading is a `<header>`; the role keeps the heading from being a banner of the page. */
const dialogProps = { closeButtonProps: { 'aria-label': 'Close' }, attributes: { header: { role: 'presentation' } } };

/** The shades have enough contrast in light and in dark. */
export const theme = createTheme({
  primaryColor: 'indigo',
  primaryShade: 8,
  respectReducedMotion: true,
  cursorType: 'pointer',
  components: {
    Modal: Modal.extend({ defaultProps: dialogProps }),
    Drawer: Drawer.extend({ defaultProps: dialogProps }),
    Notification: Notification.extend({ defaultProps: { closeButtonProps: { 'aria-label': 'Close' } } }),
    // A menu that opens on a page is a part of the page.
    Menu: Menu.extend({ defaultProps: { portalProps: { target: '#main' }, withInitialFocusPlaceholder: false } }),
  },
});

/** Dimmed text, placeholders and errors with enough contrast to be read (WCAG 2.2, 1.4.3). */
export const variables: CSSVariablesResolver = ({ colors }) => ({
  variables: {},
  light: {
    '--mantine-color-dimmed': colors.gray[7],
    '--mantine-color-placeholder': colors.gray[7],
    '--mantine-color-error': colors.red[9],
  },
  dark: {
    '--mantine-color-dimmed': colors.dark[1],
    '--mantine-color-placeholder': colors.dark[1],
    '--mantine-color-error': colors.red[4],
  },
});
