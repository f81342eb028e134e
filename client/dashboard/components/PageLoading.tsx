import { Center, Loader, VisuallyHidden } from '@mantine/core';

/** Stands in a page's place until the page is loaded. */
export function PageLoading() {
  return (
    <Center mih="60vh" role="status">
      <Loader aria-hidden />
      <VisuallyHidden>Loading</VisuallyHidden>
    </Center>
  );
}
