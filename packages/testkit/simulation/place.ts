/** The account and region of a world. */
export const PLACE = { account: "000000000000", region: "eu-south-1" };
export const ACCOUNT_OF_WORLD = PLACE.account;
